"""The verdict as JUnit XML: one test case per check, for whatever runs in a pipeline."""

from xml.etree import ElementTree as ET

from chaos.checks.result import CheckOutcome
from chaos.verdict import Verdict

_TAGS = {CheckOutcome.FAIL: "failure", CheckOutcome.INVALID: "error"}


def to_junit(verdict: Verdict) -> str:
    """The XML. When the verdict is the one expected, no case fails: a caught control is green."""
    cases = ET.Element("testsuite", name=verdict.experiment)
    failed = 0
    for check in verdict.checks:
        case = ET.SubElement(cases, "testcase", classname="quorate", name=check.name)
        if check.outcome is CheckOutcome.PASS:
            continue
        if check.outcome is CheckOutcome.NOT_JUDGED:
            ET.SubElement(case, "skipped")
            continue
        text = "\n".join(map(str, (check.figures, *check.evidence)))
        if verdict.as_expected:
            ET.SubElement(case, "system-out").text = f"{check.outcome.value}, as expected\n{text}"
            continue
        failed += 1
        tag = _TAGS.get(check.outcome, "error")
        message = f"{check.name}: {check.outcome.value}"
        ET.SubElement(case, tag, message=message).text = text
    if not verdict.as_expected:
        case = ET.SubElement(cases, "testcase", classname="quorate", name="verdict")
        message = f"{verdict.outcome.value}, expected {verdict.expected.outcome}"
        ET.SubElement(case, "failure", message=message).text = verdict.reason
        failed += 1
    cases.set("tests", str(len(cases)))
    cases.set("failures", str(failed))
    ET.indent(cases)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(cases, encoding="unicode")

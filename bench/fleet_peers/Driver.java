import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import io.confluent.parallelconsumer.ParallelStreamProcessor;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** The Java parallel consumer at the same work: prints how many records are handled, as time goes on. */
public final class Driver {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    public static void main(String[] given) throws Exception {
        String servers = given[0], topic = given[1], group = given[2], work = given[3];
        long workNanos = (long) (Double.parseDouble(given[4]) * 1_000_000);
        int inFlight = Integer.parseInt(given[5]);
        double spanS = Double.parseDouble(given[6]);
        Properties settings = new Properties();
        settings.put("bootstrap.servers", servers);
        settings.put("group.id", group);
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        settings.put("max.poll.records", "1000");
        settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
        settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
        KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings);
        ParallelConsumerOptions<byte[], byte[]> options =
            ParallelConsumerOptions.<byte[], byte[]>builder()
                .ordering(ProcessingOrder.KEY)
                .maxConcurrency(inFlight)
                .consumer(consumer)
                .build();
        ParallelStreamProcessor<byte[], byte[]> processor =
            ParallelStreamProcessor.createEosStreamProcessor(options);
        LongAdder handled = new LongAdder();
        processor.subscribe(List.of(topic));
        processor.poll(context -> {
            if (work.equals("wait") && workNanos > 0) {
                long until = System.nanoTime() + workNanos;
                long left = workNanos;
                while (left > 0) {
                    LockSupport.parkNanos(left);
                    left = until - System.nanoTime();
                }
            } else if (work.equals("cpu")) {
                long until = THREADS.getCurrentThreadCpuTime() + workNanos;
                while (THREADS.getCurrentThreadCpuTime() < until) {
                    Thread.onSpinWait();
                }
            }
            handled.increment();
        });
        long began = 0;
        StringBuilder samples = new StringBuilder();
        long deadline = System.nanoTime() + (long) ((spanS + 60) * 1e9);
        while (System.nanoTime() < deadline) {
            Thread.sleep(20);
            long count = handled.sum();
            if (count == 0) {
                continue;
            }
            long now = System.nanoTime();
            began = began == 0 ? now : began;
            double at = (now - began) / 1e9;
            samples.append(String.format(java.util.Locale.ROOT, "[%.4f,%d],", at, count));
            if (at > spanS) {
                break;
            }
        }
        System.out.println("{\"samples\":[" + samples.substring(0, samples.length() - 1) + "]}");
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }
}

#!/bin/bash
# What a node of Kafka does to itself: `install` once, `prepare` at every boot, and when it is told
# to `roll` onto new settings or to `await` a calm cluster. Each may be repeated at any time.
set -euo pipefail
umask 077

# shellcheck source=/dev/null
source "${QUORATE_ENV:-/etc/quorate/node.env}"

readonly KAFKA=${KAFKA_HOME:-/opt/kafka}
readonly ETC=${KAFKA_ETC:-/etc/kafka}
readonly ROOM=${QUORATE_ROOM:-/run/quorate}
readonly DEVICES=${QUORATE_DEVICES:-/dev/disk/by-id}
readonly WAIT_S=${QUORATE_WAIT_S:-3600} POLL_S=${QUORATE_POLL_S:-5}
# A broker that has just died counts as in sync until its session has run out, 9 s by Kafka's default
# and never longer here: only two looks farther apart than that say that nothing is missing.
readonly HOLD_S=${QUORATE_HOLD_S:-10}
# A controller that has not caught up for this long is behind; it does so several times a second.
readonly BEHIND_MS=3000
AWAY_SINCE_MS=0
readonly TOOL_TIMEOUT_S=120
export AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=5

say() { echo "quorate-node: $*" >&2; }

die() {
  say "$*"
  exit 1
}

# Repeat a command until it succeeds; the first words say what for.
await() {
  local what=$1 deadline=$((SECONDS + WAIT_S)) told=
  shift
  until "$@"; do
    ((SECONDS < deadline)) || die "$what: not after ${WAIT_S} s"
    [[ -n $told ]] || say "waiting: $what"
    told=yes
    sleep "$POLL_S"
  done
}

install_kafka() {
  [[ -x $KAFKA/bin/kafka-server-start.sh ]] && return
  local room
  room=$(mktemp -d "$KAFKA.XXXXXX")
  await "the archive s3://$KAFKA_BUCKET/$KAFKA_KEY" \
    aws s3api get-object --bucket "$KAFKA_BUCKET" --key "$KAFKA_KEY" "$room/kafka.tgz"
  echo "$KAFKA_SHA512  $room/kafka.tgz" | sha512sum --check --quiet \
    || die "s3://$KAFKA_BUCKET/$KAFKA_KEY has another SHA-512 than the stack says"
  mkdir -m 0755 "$room/kafka"
  tar -xzf "$room/kafka.tgz" -C "$room/kafka" --strip-components=1 --no-same-owner
  chmod -R go+rX "$room/kafka"
  mv -T "$room/kafka" "$KAFKA"
  rm -rf "$room"
}

# A link of udev's, which leads to something only while the volume is attached.
data_device() {
  [[ -e $DEVICE ]]
}

# The volume outlives the machine: it is formatted when there is nothing at all on it, else never.
mount_data() {
  DEVICE=$DEVICES/nvme-Amazon_Elastic_Block_Store_${VOLUME_ID//-/}
  await "volume $VOLUME_ID" data_device
  local kind='' code=0
  kind=$(blkid -p -o value -s TYPE "$DEVICE") || code=$?
  case $code:$kind in
    2:) mkfs.xfs -q -L "$FILESYSTEM_LABEL" "$DEVICE" ;;
    0:xfs) ;;
    *) die "$VOLUME_ID is neither blank nor XFS (blkid: $code, '$kind'): left alone" ;;
  esac
  udevadm settle
  install -d -m 0755 "$DATA_MOUNT"
  mountpoint -q "$DATA_MOUNT" \
    || mount -t xfs -o "$MOUNT_OPTIONS" "LABEL=$FILESYSTEM_LABEL" "$DATA_MOUNT"
  xfs_growfs -d "$DATA_MOUNT" >/dev/null
  install -d -o kafka -g kafka -m 0750 "$DATA_DIR" /var/log/kafka
}

mount_secrets() {
  install -d -m 0755 "$ETC"
  install -d -m 0700 "$SECRETS_DIR"
  mountpoint -q "$SECRETS_DIR" \
    || mount -t tmpfs -o size=1m,mode=0700,nosuid,nodev,noexec,uid=kafka,gid=kafka \
      tmpfs "$SECRETS_DIR"
}

parameter() {
  aws ssm get-parameter --name "$1" --query Parameter.Value --output text
}

secret() {
  aws secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text
}

# Where the others are changes with the cluster, so it is asked for whenever they are asked; what was
# told last is only replaced by a whole answer.
fetch_cluster() {
  parameter "$CLUSTER_PARAMETER" >"$ROOM/cluster.next" && mv -T "$ROOM/cluster.next" "$ROOM/cluster"
}

know_cluster() {
  await "where $NODE_NAME finds its cluster" fetch_cluster
  # shellcheck source=/dev/null
  source "$ROOM/cluster"
}

# Everything a node runs with, into a folder that is never on a disk.
fetch() {
  rm -rf "$ROOM/next"
  mkdir -p "$ROOM/next"
  parameter "$SETTINGS_PARAMETER" >"$ROOM/next/server.properties" \
    && parameter "$SYSCTL_PARAMETER" >"$ROOM/next/sysctl.conf" \
    && parameter "$LIMITS_PARAMETER" >"$ROOM/next/limits.conf" \
    && parameter "$AUTHORITY_PARAMETER" >"$ROOM/next/ca.pem" \
    && secret "$NODE_SECRET" >"$ROOM/next/node.pem"
}

digest() {
  (cd "$ROOM/next" && cat server.properties sysctl.conf limits.conf ca.pem node.pem) | sha256sum
}

put_in_place() {
  install -D -o root -g kafka -m 0640 "$ROOM/next/server.properties" "$ETC/server.properties"
  install -D -m 0644 "$ROOM/next/sysctl.conf" /etc/sysctl.d/90-quorate.conf
  install -D -m 0644 "$ROOM/next/limits.conf" /etc/systemd/system/kafka.service.d/10-quorate.conf
  install -o kafka -g kafka -m 0600 "$ROOM/next/ca.pem" "$ROOM/next/node.pem" "$SECRETS_DIR"
  sysctl --quiet --load=/etc/sysctl.d/90-quorate.conf
  systemctl daemon-reload
}

# Nothing happens to what is formatted; a volume of another cluster stops the node when it starts.
format_storage() {
  local how=(--no-initial-controllers) user
  if [[ $ROLE == controller ]]; then
    how=(--initial-controllers "$INITIAL_CONTROLLERS")
    if [[ -n $USERS_SECRET ]]; then
      # Salted: no password ever comes here.
      while read -r user; do how+=(--add-scram "$user"); done < <(secret "$USERS_SECRET")
      ((${#how[@]} > 2)) || die "$USERS_SECRET cannot be read"
    fi
  fi
  runuser -u kafka -- "$KAFKA/bin/kafka-storage.sh" format --ignore-formatted \
    --config "$ETC/server.properties" --cluster-id "$CLUSTER_ID" "${how[@]}"
}

tool() {
  timeout "$TOOL_TIMEOUT_S" "$KAFKA/bin/$1" "${@:2}" --command-config "$ETC/tools.properties"
}

# Whether no partition of the whole cluster lacks a replica, as the brokers at $1 know.
in_sync() {
  local behind
  behind=$(tool kafka-topics.sh --bootstrap-server "$1" \
    --describe --under-replicated-partitions 2>"$ROOM/tool.log") || return 1
  # One line for each; whatever else a tool says there is none of them.
  [[ $behind != *Partition:* ]]
}

stays_in_sync() {
  in_sync "$1" && sleep "$HOLD_S" && in_sync "$1"
}

quorum() {
  timeout "$TOOL_TIMEOUT_S" "$KAFKA/bin/kafka-metadata-quorum.sh" \
    --bootstrap-controller "$CONTROLLER_BOOTSTRAP" --command-config "$ETC/tools.properties" \
    describe --replication 2>"$ROOM/tool.log"
}

# Whether every voter follows the quorum's leader, and this one has done so since $AWAY_SINCE_MS.
quorum_is_whole() {
  quorum | awk -v wanted="$CONTROLLERS" -v most="$BEHIND_MS" -v own="$NODE_ID" \
    -v since="$AWAY_SINCE_MS" '
      $NF == "Leader" { leader = $(NF - 1); voters++ }
      $NF == "Follower" { seen[voters++] = $(NF - 1) }
      $1 == own { back = $(NF - 1) > since }
      END {
        if (!leader || voters != wanted || !back) exit 1
        for (one in seen) if (leader - seen[one] > most) exit 1
      }'
}

# By the leader's own clock; what was caught up before counts for nothing after a restart. Without a
# leader this controller is needed all the more: it is not waited for longer than a few tries.
note_absence() {
  local now _
  for _ in 1 2 3 4 5; do
    now=$(quorum | awk '$NF == "Leader" { print $(NF - 1) }') || now=
    if [[ $now =~ ^[0-9]+$ ]]; then
      AWAY_SINCE_MS=$now
      return
    fi
    sleep "$POLL_S"
  done
  say "the other controllers have no leader; $NODE_NAME is started all the same"
}

await_calm() {
  if [[ $ROLE == controller ]]; then
    await "every controller follows the leader" quorum_is_whole
  else
    await "no partition is under-replicated, asked at $1" stays_in_sync "$1"
  fi
}

roll() {
  # Whatever else is amiss is made good first: this node may not be the second that is missing.
  await_calm "$PEER_BOOTSTRAP"
  await "settings and secrets of $NODE_NAME" fetch
  mountpoint -q "$DATA_MOUNT" && xfs_growfs -d "$DATA_MOUNT" >/dev/null
  if [[ $(digest) == "$(cat "$ROOM/running" 2>/dev/null)" ]] && systemctl is-active --quiet kafka; then
    say "$NODE_NAME runs with these settings already"
  else
    put_in_place
    systemctl stop kafka
    [[ $ROLE == broker ]] || note_absence
    systemctl start kafka
    digest >"$ROOM/running"
  fi
  await_calm "$OWN_BOOTSTRAP"
  say "$NODE_NAME runs with its settings, and the cluster is calm"
}

prepare() {
  mount_data
  mount_secrets
  await "settings and secrets of $NODE_NAME" fetch
  put_in_place
  digest >"$ROOM/running"
  await "the storage of $NODE_NAME" format_storage
}

mkdir -p "$ROOM"
case ${1:-} in
  install)
    install_kafka
    systemctl enable --now amazon-cloudwatch-agent quorate-node kafka
    ;;
  prepare) prepare ;;
  roll | await)
    exec 9>"$ROOM/lock"
    flock --nonblock 9 || die "$NODE_NAME is being rolled already"
    know_cluster
    if [[ $1 == roll ]]; then roll; else await_calm "$OWN_BOOTSTRAP"; fi
    ;;
  *) die "legal: install, prepare, roll, await" ;;
esac

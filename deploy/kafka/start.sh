#!/bin/sh
# One Kafka for a trial: SASL/SCRAM for clients, an authorizer, nobody anonymous. For production run three or more.
# KAFKA_HOME: where Kafka is (the apache/kafka image: /opt/kafka). DATA: an empty or formatted directory.
# OPERATOR_PASSWORD, CONTROLLER_PASSWORD: from the environment; hexadecimal digits, so that nothing needs quoting.
# USERS: further users that are made when the storage is formatted, as "name=password name=password".
set -eu
: "${KAFKA_HOME:=/opt/kafka}" "${DATA:=/var/lib/kafka/data}" "${ADVERTISED:=kafka:9092}"
: "${LISTEN:=0.0.0.0:9092}" "${CONTROLLER:=127.0.0.1:9093}" "${RUN:=/tmp}"
: "${OPERATOR_PASSWORD:?say the operator\'s password}" "${CONTROLLER_PASSWORD:?say the controller\'s password}"
umask 077
module=org.apache.kafka.common.security
cat > "$RUN/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$CONTROLLER
listeners=CLIENTS://$LISTEN,CONTROLLER://$CONTROLLER
advertised.listeners=CLIENTS://$ADVERTISED
listener.security.protocol.map=CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENTS
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
sasl.mechanism.controller.protocol=PLAIN
listener.name.clients.scram-sha-512.sasl.jaas.config=$module.scram.ScramLoginModule required username="operator" password="$OPERATOR_PASSWORD";
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config=$module.plain.PlainLoginModule required username="controller" password="$CONTROLLER_PASSWORD" user_controller="$CONTROLLER_PASSWORD";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:operator;User:controller
log.dirs=$DATA
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
offsets.retention.minutes=5270400
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
PROPERTIES
set -- --add-scram "SCRAM-SHA-512=[name=operator,password=$OPERATOR_PASSWORD]"
for user in ${USERS:-}; do
    set -- "$@" --add-scram "SCRAM-SHA-512=[name=${user%%=*},password=${user#*=}]"
done
"$KAFKA_HOME/bin/kafka-storage.sh" format --ignore-formatted --cluster-id "${CLUSTER_ID:-cGVuc3RvY2stdHJpYWwtMQ}" \
    --config "$RUN/server.properties" "$@"
exec "$KAFKA_HOME/bin/kafka-server-start.sh" "$RUN/server.properties"

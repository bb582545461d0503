"""A recipient's client configuration as text: a Python program, Java properties, a file for kcat.

Secrets come from variables of the environment when the client runs; none is in a text.
"""

from collections.abc import Callable, Mapping

from .partner_config import CA_FILE, KAFKA_CA_FILE, PASSWORD, TOKEN, USER, PartnerConfig
from .recipient_keys import KEY_FILES


def text_for(kind: str, config: PartnerConfig) -> str:
    """Return the text of a kind that `KINDS` names."""
    return KINDS[kind](config)


def python_text(config: PartnerConfig) -> str:
    """Return a program that prints the view, a record a line: `stock` with Confluent's client, `opened` with ours."""
    kafka = _entries({**{name: repr(said) for name, said in config.client().items()}, **_from_environ(config)})
    login = f'"{config.member}:" + os.environ["{TOKEN}"]'
    registry = {"url": repr(config.registry)}
    if config.own_registry:
        registry["basic.auth.user.info"] = login
    trust = f'os.environ.get("{CA_FILE}")'
    trusting = (
        f"if {trust}:\n    REGISTRY['ssl.ca.location'] = os.environ['{CA_FILE}']\n" if config.own_registry else ""
    )
    elsewhere = "" if config.own_registry else f",\n        registry={config.registry!r}"
    variables = ", ".join([*config.from_environment().values(), TOKEN])
    private = f"; {KEY_FILES} for `opened`: {_files_of(config)}" if config.sealing_keys else ""
    return f'''"""Prints the view of agreement {config.agreement} as {config.member}, one record a line, until stopped.

python THIS_FILE [stock]   needs confluent-kafka[avro,schemaregistry]; encrypted fields stay closed
python THIS_FILE opened    needs penstock; encrypted fields are opened with keys from the gateway

Variables: {variables}; {CA_FILE} where the gateway's authority is private{private}.
"""

import os
import sys

TOPIC = {config.topic!r}
KAFKA = {{
{kafka}}}
REGISTRY = {{
{_entries(registry)}}}
{trusting}

def stock():
    from confluent_kafka import Consumer, KafkaException
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroDeserializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    decode = AvroDeserializer(SchemaRegistryClient(REGISTRY))
    consumer = Consumer(KAFKA)
    consumer.subscribe([TOPIC])
    try:
        while True:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            print(decode(message.value(), SerializationContext(TOPIC, MessageField.VALUE)), flush=True)
    finally:
        consumer.close()


def opened():
    import penstock

    with penstock.open_view(
        {config.agreement!r},
        gateway={config.gateway!r},
        token=os.environ["{TOKEN}"],
        bootstrap=KAFKA["bootstrap.servers"],
        security={{name: KAFKA[name] for name in KAFKA if name.startswith(("security.", "sasl.", "ssl."))}}{elsewhere},
    ) as view:
        for record in view:
            print(record.value, flush=True)


if __name__ == "__main__":
    opened() if sys.argv[1:] == ["opened"] else stock()
'''


def java_text(config: PartnerConfig) -> str:
    """Return a Java consumer's properties; the client itself takes secrets from the environment (KIP-297)."""
    names = {"sasl.username", "sasl.password", "sasl.mechanism"}
    said = {name: value for name, value in config.client().items() if name not in names}
    if config.mechanism:
        module = "scram.Scram" if config.mechanism.startswith("SCRAM") else "plain.Plain"
        user = config.user or _variable(USER)
        said["sasl.mechanism"] = config.mechanism
        said["sasl.jaas.config"] = (
            f"org.apache.kafka.common.security.{module}LoginModule required "
            f'username="{user}" password="{_variable(PASSWORD)}";'
        )
    if config.tls:
        said |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": _variable(KAFKA_CA_FILE)}
    said |= {
        "config.providers": "env",
        "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
        "key.deserializer": "org.apache.kafka.common.serialization.ByteArrayDeserializer",
        "value.deserializer": "io.confluent.kafka.serializers.KafkaAvroDeserializer",
        "schema.registry.url": config.registry,
    }
    if config.own_registry:
        said |= {
            "basic.auth.credentials.source": "USER_INFO",
            "basic.auth.user.info": f"{config.member}:{_variable(TOKEN)}",
        }
    if config.own_registry and config.private_gateway:
        said |= {
            "schema.registry.ssl.truststore.type": "PEM",
            "schema.registry.ssl.truststore.location": _variable(CA_FILE),
        }
    return f"# The view of agreement {config.agreement} as {config.member}: topic {config.topic}.\n" + _lines(said)


def kcat_text(config: PartnerConfig) -> str:
    """Return a file for `kcat -F`; how to call it with the secrets stands at its top."""
    secrets = " ".join(f'-X {name}="${variable}"' for name, variable in config.from_environment().items())
    scheme, _, rest = config.registry.partition("://")
    login = f"{config.member}:${TOKEN}@" if config.own_registry else ""
    call = f'kcat -F THIS_FILE {secrets} -s value=avro -r "{scheme}://{login}{rest}" -G {config.group} {config.topic}'
    about = f"# The view of agreement {config.agreement} as {config.member}.\n# {call}\n"
    return about + _lines({name: said for name, said in config.client().items() if name != "group.id"})


KINDS: Mapping[str, Callable[[PartnerConfig], str]] = {"python": python_text, "java": java_text, "kcat": kcat_text}


def _files_of(config: PartnerConfig) -> str:
    return f"the file of your sealing key {' or '.join(config.sealing_keys)}"


def _from_environ(config: PartnerConfig) -> dict[str, str]:
    return {name: f'os.environ["{variable}"]' for name, variable in config.from_environment().items()}


def _entries(said: Mapping[str, str]) -> str:
    return "".join(f'    "{name}": {value},\n' for name, value in said.items())


def _lines(said: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in said.items())


def _variable(name: str) -> str:
    return f"${{env:{name}}}"

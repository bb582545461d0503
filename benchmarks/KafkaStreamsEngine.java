// The engine `kafka_streams`: Kafka Streams, exactly_once_v2, Avro's generic records, the JDK's AES-GCM and HMAC.
//
// It makes of an event what peer_work.py makes of it, byte layouts included, with a table of keys filled before it
// starts and ciphers initialised per field. Ciphers, MACs and buffers are reused within a thread.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;

public final class KafkaStreamsEngine {
    static final ObjectMapper JSON = new ObjectMapper();
    static final int HEAD = 5;

    /** What is known of a subject for one agreement. */
    record PeerKey(byte[] handle, SecretKeySpec key, byte[] raw, String pseudonym) {}

    /** One agreement's view. */
    record View(String agreement, String topic, int schemaId, Schema schema, List<Rule> rules,
                String predicateField, String predicateValue) {}

    /** What becomes of a field; `at` is its place in the view. */
    record Rule(String name, int at, String act, double scale, double low, double high) {}

    public static void main(String[] arguments) throws Exception {
        java.util.logging.Logger.getLogger("").setLevel(java.util.logging.Level.SEVERE);
        JsonNode order = JSON.readTree(new File(arguments[0]));
        Keys keys = new Keys(order);
        List<View> views = views(order);
        Topology topology = new Topology();
        topology.addSource("in", order.get("topic").asText());
        topology.addProcessor("protect", () -> new Protect(order, views, keys), "in");
        for (View view : views) {
            topology.addSink(view.topic(), view.topic(), "protect");
        }
        if (!order.get("subject").isNull()) {
            topology.addSink("disclosures", order.get("disclosures").asText(), "protect");
        }
        KafkaStreams streams = new KafkaStreams(topology, settings(order));
        CountDownLatch ended = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(java.time.Duration.ofSeconds(5));
            ended.countDown();
        }));
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.ERROR) {
                Runtime.getRuntime().halt(1);
            }
        });
        streams.start();
        ended.await();
    }

    static Properties settings(JsonNode order) {
        JsonNode chosen = order.get("settings");
        Properties found = new Properties();
        found.put(StreamsConfig.APPLICATION_ID_CONFIG, order.get("group").asText());
        found.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, order.get("bootstrap").asText());
        found.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        found.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, chosen.path("commit_ms").asInt(100));
        found.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, chosen.path("threads").asInt(1));
        found.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        found.put(StreamsConfig.STATE_DIR_CONFIG,
                new File(order.get("folder").asText(), order.get("group").asText()).getPath());
        found.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        found.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        found.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        found.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5000);
        found.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG),
                chosen.path("compression").asText("lz4"));
        found.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 262144);
        found.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 5);
        // A transaction's first records may come before Kafka is done with the last transaction, and are sent again.
        found.put(StreamsConfig.producerPrefix(ProducerConfig.RETRY_BACKOFF_MS_CONFIG),
                chosen.path("retry_ms").asInt(100));
        return found;
    }

    static List<View> views(JsonNode order) {
        List<View> found = new ArrayList<>();
        for (JsonNode one : order.get("views")) {
            Schema schema = parsed(one.get("schema"));
            List<Rule> rules = new ArrayList<>();
            one.get("fields").properties().forEach(field -> rules.add(rule(field, schema)));
            JsonNode predicate = one.get("predicate");
            boolean some = !predicate.isNull();
            found.add(new View(one.get("agreement").asText(), one.get("topic").asText(), one.get("schema_id").asInt(),
                    schema, rules, some ? predicate.get(0).asText() : null,
                    some ? predicate.get(1).asText() : null));
        }
        return found;
    }

    static Rule rule(Map.Entry<String, JsonNode> field, Schema schema) {
        JsonNode told = field.getValue();
        int at = schema.getField(field.getKey()).pos();
        String act = told.get("do").asText();
        if (!act.equals("noise")) {
            return new Rule(field.getKey(), at, act, 0, 0, 0);
        }
        double scale = told.get("sensitivity").asDouble() / told.get("epsilon").asDouble();
        JsonNode clamp = told.get("clamp");
        return new Rule(field.getKey(), at, act, scale, clamp.get(0).asDouble(), clamp.get(1).asDouble());
    }

    static Schema parsed(JsonNode schema) {
        return new Schema.Parser().parse(schema.toString());
    }

    /** Every subject's keys, in memory. */
    static final class Keys {
        private final byte[] secret;
        private final Map<String, Map<String, PeerKey>> tables = new HashMap<>();
        private final Map<String, byte[]> references = new ConcurrentHashMap<>();
        final PeerKey shared;

        Keys(JsonNode order) {
            secret = java.util.HexFormat.of().parseHex(order.get("secret").asText());
            shared = make(order.get("dataset").asText(), "");
            Hash hash = new Hash();
            boolean personal = !order.get("subject").isNull();
            for (JsonNode view : order.get("views")) {
                Map<String, PeerKey> table = new ConcurrentHashMap<>();
                tables.put(view.get("agreement").asText(), table);
                for (int number = 0; personal && number < order.get("warm").asInt(); number++) {
                    of(view.get("agreement").asText(), String.format("payee-%07d", number), hash);
                    reference(String.format("payee-%07d", number), hash);
                }
            }
        }

        PeerKey of(String agreement, String subject, Hash hash) {
            return tables.get(agreement).computeIfAbsent(subject, name -> make(agreement, name));
        }

        byte[] reference(String subject, Hash hash) {
            return references.computeIfAbsent(subject,
                    name -> java.util.Arrays.copyOf(hash.keyed(secret, "subject\u001f" + name), 16));
        }

        private PeerKey make(String agreement, String subject) {
            Hash hash = new Hash();
            String tail = "\u001f" + agreement + "\u001f" + subject;
            byte[] key = hash.keyed(secret, "key" + tail);
            return new PeerKey(java.util.Arrays.copyOf(hash.keyed(secret, "handle" + tail), 8),
                    new SecretKeySpec(key, "AES"), key, shortened(hash.keyed(secret, "pseudonym" + tail)));
        }
    }

    /** HMAC-SHA256 of one thread. */
    static final class Hash {
        private final Mac mac;

        Hash() {
            try {
                mac = Mac.getInstance("HmacSHA256");
            } catch (java.security.GeneralSecurityException error) {
                throw new IllegalStateException(error);
            }
        }

        byte[] keyed(byte[] key, String text) {
            try {
                mac.init(new SecretKeySpec(key, "HmacSHA256"));
            } catch (java.security.InvalidKeyException error) {
                throw new IllegalStateException(error);
            }
            return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
        }
    }

    static final char[] BASE32 = "abcdefghijklmnopqrstuvwxyz234567".toCharArray();

    /** The first sixteen bytes in base 32, without padding. */
    static String shortened(byte[] raw) {
        StringBuilder text = new StringBuilder(26);
        int pool = 0;
        int bits = 0;
        for (int at = 0; at < 16; at++) {
            pool = (pool << 8 | raw[at] & 0xff) & 0xffff;
            bits += 8;
            while (bits >= 5) {
                bits -= 5;
                text.append(BASE32[pool >> bits & 31]);
            }
        }
        return text.append(BASE32[pool << 5 - bits & 31]).toString();
    }

    static byte[] padded(byte[] value) {
        int least = value.length + 1;
        int bits = 32 - Integer.numberOfLeadingZeros(least);
        int grain = least <= 64 ? 16 : 1 << Math.max(4, bits - 4);
        byte[] found = java.util.Arrays.copyOf(value, (least + grain - 1) / grain * grain);
        found[value.length] = (byte) 0x80;
        return found;
    }

    /** Makes views of events; one for each task. */
    static final class Protect implements Processor<byte[], byte[], byte[], byte[]> {
        private final List<View> views;
        private final Keys keys;
        private final Hash hash = new Hash();
        private final SecureRandom random = new SecureRandom();
        private final String eventId;
        private final String recordKey;
        private final String subject;
        private final String dataset;
        private final GenericDatumReader<GenericRecord> reader;
        private final Map<String, GenericDatumWriter<GenericRecord>> writers = new HashMap<>();
        private final ByteArrayOutputStream out = new ByteArrayOutputStream(1024);
        private final Cipher cipher;
        private BinaryDecoder decoder;
        private BinaryEncoder encoder;
        private ProcessorContext<byte[], byte[]> context;

        Protect(JsonNode order, List<View> views, Keys keys) {
            this.views = views;
            this.keys = keys;
            eventId = order.get("event_id").asText();
            recordKey = order.get("record_key").asText();
            subject = order.get("subject").isNull() ? null : order.get("subject").asText();
            dataset = order.get("dataset").asText();
            reader = new GenericDatumReader<>(parsed(order.get("schema")));
            views.forEach(view -> writers.put(view.agreement(), new GenericDatumWriter<>(view.schema())));
            try {
                cipher = Cipher.getInstance("AES/GCM/NoPadding");
            } catch (java.security.GeneralSecurityException error) {
                throw new IllegalStateException(error);
            }
        }

        @Override
        public void init(ProcessorContext<byte[], byte[]> given) {
            context = given;
        }

        @Override
        public void process(Record<byte[], byte[]> source) {
            try {
                byte[] value = source.value();
                decoder = DecoderFactory.get().binaryDecoder(value, HEAD, value.length - HEAD, decoder);
                GenericRecord event = reader.read(null, decoder);
                if (subject == null) {
                    impersonal(event, source.timestamp());
                } else {
                    personal(event, source.timestamp());
                }
            } catch (java.io.IOException | java.security.GeneralSecurityException error) {
                throw new IllegalStateException(error);
            }
        }

        private void personal(GenericRecord event, long at) throws java.io.IOException,
                java.security.GeneralSecurityException {
            String who = event.get(subject).toString();
            StringBuilder said = new StringBuilder();
            for (View view : views) {
                boolean released = view.predicateField() == null
                        || event.get(view.predicateField()).toString().equals(view.predicateValue());
                said.append(said.length() == 0 ? "\"" : ",\"").append(view.agreement()).append("\":\"")
                        .append(released ? "released" : "predicate").append('"');
                if (released) {
                    PeerKey key = keys.of(view.agreement(), who, hash);
                    String shown = shortened(hash.keyed(key.raw(), event.get(eventId).toString()));
                    GenericRecord record = new GenericData.Record(view.schema());
                    for (Rule rule : view.rules()) {
                        String name = rule.name();
                        record.put(rule.at(), switch (rule.act()) {
                            case "pass" -> event.get(name);
                            case "encrypt" -> sealed(key, event.get(name).toString(),
                                    view.agreement() + "|" + name + "|" + shown);
                            case "noise" -> noised((Long) event.get(name), rule);
                            default -> name.equals(eventId) ? shown : key.pseudonym();
                        });
                    }
                    byte[] as = key.pseudonym().getBytes(StandardCharsets.UTF_8);
                    context.forward(new Record<>(as, encoded(view, record), at), view.topic());
                }
            }
            disclose(who, said, at);
        }

        private void disclose(String who, CharSequence said, long at) {
            byte[] reference = keys.reference(who, hash);
            RecordMetadata place = context.recordMetadata().orElseThrow();
            String told = "\u0001{\"kind\":\"disclosure\",\"subject\":\""
                    + java.util.HexFormat.of().formatHex(reference)
                    + "\",\"dataset\":\"" + dataset + "\",\"source\":\"" + place.topic() + "/" + place.partition() + "/"
                    + place.offset() + "\",\"at_ms\":" + System.currentTimeMillis()
                    + ",\"generation\":1,\"decisions\":{" + said + "}}";
            byte[] value = told.getBytes(StandardCharsets.UTF_8);
            context.forward(new Record<>(reference, value, at), "disclosures");
        }

        private void impersonal(GenericRecord event, long at) throws java.io.IOException,
                java.security.GeneralSecurityException {
            String shown = event.get(eventId).toString();
            byte[] as = event.get(recordKey).toString().getBytes(StandardCharsets.UTF_8);
            Map<String, Object> ciphertexts = new HashMap<>();
            for (View view : views) {
                GenericRecord record = new GenericData.Record(view.schema());
                for (Rule rule : view.rules()) {
                    String name = rule.name();
                    switch (rule.act()) {
                        case "pass" -> record.put(rule.at(), event.get(name));
                        case "noise" -> record.put(rule.at(), noised((Long) event.get(name), rule));
                        default -> {
                            Object found = ciphertexts.get(name);
                            if (found == null) {
                                found = sealed(keys.shared, event.get(name).toString(),
                                        dataset + "|" + name + "|" + shown);
                                ciphertexts.put(name, found);
                            }
                            record.put(rule.at(), found);
                        }
                    }
                }
                context.forward(new Record<>(as, encoded(view, record), at), view.topic());
            }
        }

        private java.nio.ByteBuffer sealed(PeerKey key, String text, String bound)
                throws java.security.GeneralSecurityException {
            byte[] nonce = new byte[12];
            random.nextBytes(nonce);
            cipher.init(Cipher.ENCRYPT_MODE, key.key(), new GCMParameterSpec(128, nonce));
            cipher.updateAAD(bound.getBytes(StandardCharsets.UTF_8));
            byte[] hidden = cipher.doFinal(padded(text.getBytes(StandardCharsets.UTF_8)));
            java.nio.ByteBuffer found = java.nio.ByteBuffer.allocate(21 + hidden.length);
            return found.put((byte) 1).put(key.handle()).put(nonce).put(hidden).flip();
        }

        private long noised(long value, Rule rule) {
            double draw = ThreadLocalRandom.current().nextDouble() - 0.5;
            double noise = Math.signum(draw) * rule.scale() * Math.log(1 - 2 * Math.abs(draw));
            return Math.round(Math.min(Math.max(value, rule.low()), rule.high()) - noise);
        }

        private byte[] encoded(View view, GenericRecord record) throws java.io.IOException {
            out.reset();
            out.write(0);
            for (int shift = 24; shift >= 0; shift -= 8) {
                out.write(view.schemaId() >> shift);
            }
            encoder = EncoderFactory.get().binaryEncoder(out, encoder);
            writers.get(view.agreement()).write(record, encoder);
            encoder.flush();
            return out.toByteArray();
        }
    }
}

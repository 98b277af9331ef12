// Java's own HTTP/2 client against a gateway: `Client.java URL CA`. It prints one line for each thing that it has seen
// hold, and ends with an exception at the first one that does not. It has no trailers.

import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

class Client {
    static final int BODY_BYTES = 4 << 20;
    static final int STREAMS = 100;

    static void check(boolean held, String what) {
        if (!held) {
            throw new IllegalStateException(what);
        }
    }

    static HttpResponse<byte[]> checked(HttpResponse<byte[]> response) {
        check(response.version() == HttpClient.Version.HTTP_2, "version: " + response.version());
        check(response.statusCode() == 200, "status: " + response.statusCode());
        return response;
    }

    static SSLContext trusting(String file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        try (FileInputStream pem = new FileInputStream(file)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    public static void main(String[] arguments) throws Exception {
        String url = arguments[0];
        HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_2)
            .sslContext(trusting(arguments[1]))
            .build();
        HttpRequest get = HttpRequest.newBuilder(URI.create(url + "/bytes/1000")).build();
        check(checked(client.send(get, HttpResponse.BodyHandlers.ofByteArray())).body().length == 1000, "a small body");
        System.out.println("get");

        byte[] sent = new byte[BODY_BYTES];
        for (int at = 0; at < BODY_BYTES; at++) {
            sent[at] = (byte) at;
        }
        HttpRequest post = HttpRequest.newBuilder(URI.create(url + "/echo"))
            .POST(HttpRequest.BodyPublishers.ofByteArray(sent))
            .build();
        byte[] back = checked(client.send(post, HttpResponse.BodyHandlers.ofByteArray())).body();
        check(Arrays.equals(sent, back), "a large body both ways");
        System.out.println("post");

        IntStream.range(0, STREAMS)
            .mapToObj(number -> client.sendAsync(get, HttpResponse.BodyHandlers.ofByteArray()))
            .toList()
            .stream()
            .map(CompletableFuture::join)
            .forEach(response -> check(checked(response).body().length == 1000, "one of many streams"));
        System.out.println("streams");
    }
}

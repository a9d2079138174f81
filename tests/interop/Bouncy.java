/*
 * BouncyCastle as a peer: reads commands from stdin, one a line, words parted
 * by blanks, and answers each with a line: "ok", "no WHY" (it does not hold),
 * or "cannot WHY" (this library has no such thing).
 *
 *   sign ALGORITHM KEY CERT detached|opaque CONTENT OUT
 *   verify CERT CONTENT|- OBJECT
 *   encrypt CIPHER pkcs1|oaep256|oaep512 CONTENT OUT CERT...
 *   decrypt KEY OBJECT OUT
 *   compress CONTENT OUT
 *
 * Keys and certificates are PEM, objects DER.
 */
import java.io.*;
import java.math.BigInteger;
import java.nio.file.*;
import java.security.*;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.security.spec.MGF1ParameterSpec;
import java.util.*;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.*;
import org.bouncycastle.cms.*;
import org.bouncycastle.cms.jcajce.*;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.*;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.operator.*;
import org.bouncycastle.operator.jcajce.*;

public class Bouncy {
    static final String BC = "BC";

    static class Cannot extends Exception {
        Cannot(String why) { super(why); }
    }

    static byte[] read(String file) throws IOException {
        return Files.readAllBytes(Paths.get(file));
    }

    static void write(String file, byte[] bytes) throws IOException {
        Files.write(Paths.get(file), bytes);
    }

    static PrivateKey key(String file) throws Exception {
        try (PEMParser p = new PEMParser(new FileReader(file))) {
            return new JcaPEMKeyConverter().setProvider(BC).getPrivateKey((PrivateKeyInfo) p.readObject());
        }
    }

    static X509Certificate certificate(String file) throws Exception {
        try (PEMParser p = new PEMParser(new FileReader(file))) {
            return new JcaX509CertificateConverter().setProvider(BC)
                .getCertificate((X509CertificateHolder) p.readObject());
        }
    }

    static void sign(String[] w) throws Exception {
        ContentSigner signer = new JcaContentSignerBuilder(w[1]).setProvider(BC).build(key(w[2]));
        X509Certificate cert = certificate(w[3]);
        CMSSignedDataGenerator g = new CMSSignedDataGenerator();
        g.addSignerInfoGenerator(new JcaSignerInfoGeneratorBuilder(
            new JcaDigestCalculatorProviderBuilder().setProvider(BC).build()).build(signer, cert));
        g.addCertificate(new JcaX509CertificateHolder(cert));
        write(w[6], g.generate(new CMSProcessableByteArray(read(w[5])), w[4].equals("opaque")).getEncoded());
    }

    static void verify(String[] w) throws Exception {
        byte[] object = read(w[3]);
        CMSSignedData d = w[2].equals("-") ? new CMSSignedData(object)
            : new CMSSignedData(new CMSProcessableByteArray(read(w[2])), object);
        for (SignerInformation s : d.getSignerInfos().getSigners())
            if (!s.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider(BC).build(certificate(w[1]))))
                throw new CMSException("the signature does not hold");
    }

    static ASN1ObjectIdentifier cipher(String name) throws Cannot {
        switch (name) {
        case "aes128-cbc": return CMSAlgorithm.AES128_CBC;
        case "aes192-cbc": return CMSAlgorithm.AES192_CBC;
        case "aes256-cbc": return CMSAlgorithm.AES256_CBC;
        case "aes128-gcm": return CMSAlgorithm.AES128_GCM;
        case "aes192-gcm": return CMSAlgorithm.AES192_GCM;
        case "aes256-gcm": return CMSAlgorithm.AES256_GCM;
        case "aes128-ccm": return CMSAlgorithm.AES128_CCM;
        case "aes256-ccm": return CMSAlgorithm.AES256_CCM;
        case "3des": return CMSAlgorithm.DES_EDE3_CBC;
        case "rc2": return CMSAlgorithm.RC2_CBC;
        }
        throw new Cannot("no cipher " + name);
    }

    static RecipientInfoGenerator transport(X509Certificate cert, String padding) throws Exception {
        if (padding.equals("pkcs1"))
            return new JceKeyTransRecipientInfoGenerator(cert).setProvider(BC);
        String hash = padding.equals("oaep512") ? "SHA-512" : "SHA-256";
        MGF1ParameterSpec mgf = padding.equals("oaep512") ? MGF1ParameterSpec.SHA512 : MGF1ParameterSpec.SHA256;
        return new JceKeyTransRecipientInfoGenerator(cert, new JcaAlgorithmParametersConverter().getAlgorithmIdentifier(
            PKCSObjectIdentifiers.id_RSAES_OAEP,
            new OAEPParameterSpec(hash, "MGF1", mgf, PSource.PSpecified.DEFAULT))).setProvider(BC);
    }

    static RecipientInfoGenerator agreement(X509Certificate cert, String cipher) throws Exception {
        KeyPairGenerator g = KeyPairGenerator.getInstance("EC", BC);
        ECPublicKey to = (ECPublicKey) cert.getPublicKey();
        g.initialize(to.getParams());
        KeyPair own = g.generateKeyPair();
        int bits = to.getParams().getCurve().getField().getFieldSize();
        ASN1ObjectIdentifier scheme = bits > 384 ? CMSAlgorithm.ECDH_SHA512KDF
            : bits > 256 ? CMSAlgorithm.ECDH_SHA384KDF : CMSAlgorithm.ECDH_SHA256KDF;
        ASN1ObjectIdentifier wrap = cipher.contains("128") ? CMSAlgorithm.AES128_WRAP
            : cipher.contains("192") ? CMSAlgorithm.AES192_WRAP : CMSAlgorithm.AES256_WRAP;
        return new JceKeyAgreeRecipientInfoGenerator(scheme, own.getPrivate(), own.getPublic(), wrap)
            .addRecipient(cert).setProvider(BC);
    }

    static RecipientInfoGenerator recipient(X509Certificate cert, String padding, String cipher) throws Exception {
        switch (cert.getPublicKey().getAlgorithm()) {
        case "RSA": return transport(cert, padding);
        case "EC": return agreement(cert, cipher);
        }
        throw new Cannot("no recipient with a key of " + cert.getPublicKey().getAlgorithm());
    }

    static void encrypt(String[] w) throws Exception {
        OutputEncryptor e = new JceCMSContentEncryptorBuilder(cipher(w[1])).setProvider(BC).build();
        CMSTypedData content = new CMSProcessableByteArray(read(w[3]));
        boolean aead = e instanceof OutputAEADEncryptor;
        CMSEnvelopedDataGenerator g = new CMSEnvelopedDataGenerator();
        CMSAuthEnvelopedDataGenerator a = new CMSAuthEnvelopedDataGenerator();
        for (int i = 5; i < w.length; i++) {
            RecipientInfoGenerator r = recipient(certificate(w[i]), w[2], w[1]);
            g.addRecipientInfoGenerator(r);
            a.addRecipientInfoGenerator(r);
        }
        write(w[4], aead ? a.generate(content, (OutputAEADEncryptor) e).getEncoded()
            : g.generate(content, e).getEncoded());
    }

    static Recipient reader(RecipientInformation info, PrivateKey key, boolean aead) throws Cannot {
        if (info instanceof KeyTransRecipientInformation && key.getAlgorithm().equals("RSA"))
            return aead ? new JceKeyTransAuthEnvelopedRecipient(key).setProvider(BC)
                : new JceKeyTransEnvelopedRecipient(key).setProvider(BC);
        if (!(info instanceof KeyAgreeRecipientInformation) || key.getAlgorithm().equals("RSA"))
            return null;
        if (aead)
            throw new Cannot("no key agreement for AuthEnvelopedData");
        return new JceKeyAgreeEnvelopedRecipient(key).setProvider(BC);
    }

    static Collection<RecipientInformation> recipients(byte[] object, boolean aead) throws CMSException {
        return aead ? new CMSAuthEnvelopedData(object).getRecipientInfos().getRecipients()
            : new CMSEnvelopedData(object).getRecipientInfos().getRecipients();
    }

    static void decrypt(String[] w) throws Exception {
        byte[] object = read(w[2]);
        boolean aead = new String(object, 0, 40, "ISO-8859-1").contains("\u0009\u0010\u0001\u0017");
        Exception last = new CMSException("no recipient fits");
        for (RecipientInformation r : recipients(object, aead)) {
            Recipient how = reader(r, key(w[1]), aead);
            if (how == null)
                continue;
            try {
                write(w[3], r.getContent(how));
                return;
            } catch (Exception e) {
                last = e;
            }
        }
        throw last;
    }

    static void compress(String[] w) throws Exception {
        write(w[2], new CMSCompressedDataGenerator().generate(
            new CMSProcessableByteArray(read(w[1])), new ZlibCompressor()).getEncoded());
    }

    static String run(String[] w) {
        try {
            switch (w[0]) {
            case "sign": sign(w); break;
            case "verify": verify(w); break;
            case "encrypt": encrypt(w); break;
            case "decrypt": decrypt(w); break;
            case "compress": compress(w); break;
            default: return "cannot do " + w[0];
            }
            return "ok";
        } catch (Cannot e) {
            return "cannot " + e.getMessage();
        } catch (OperatorCreationException | NoSuchAlgorithmException e) {
            return "cannot " + e;
        } catch (Exception | Error e) {
            return "no " + String.valueOf(e).replace('\n', ' ');
        }
    }

    public static void main(String[] args) throws IOException {
        Security.addProvider(new BouncyCastleProvider());
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null;) {
            System.out.println(run(line.split(" ")));
            System.out.flush();
        }
    }
}

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;

/** For whom a feature flag is on: the values are those that AWS AppConfig hands out under the flag's key. */
public record Flag(boolean enabled, double percentage, List<String> users, String salt) {
    public static int bucket(String salt, String key, String user) {
        try {
            byte[] text = (salt + ":" + key + ":" + user).getBytes(StandardCharsets.UTF_8);
            int first = ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(text)).getInt();
            return Integer.remainderUnsigned(first, 1000);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    public boolean isOn(String key, String user) {
        return enabled && (users.contains(user) || bucket(salt, key, user) < Math.round(percentage * 10));
    }
}

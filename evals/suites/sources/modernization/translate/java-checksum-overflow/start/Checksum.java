public final class Checksum {
    public static int roll(byte[] data) {
        int h = 17;
        for (int i = 0; i < data.length; i++) {
            h = h * 31 + data[i];
            h ^= h >>> 7;
        }
        return h;
    }

    public static long mix(long a, long b) {
        long x = a ^ (b << 13);
        x += x >> 9;
        x = x * 0x9E3779B97F4A7C15L;
        return x ^ (x >>> 32);
    }

    /** Mean of ints, as Java divides them. */
    public static int average(int[] values) {
        int sum = 0;
        for (int v : values) {
            sum += v;
        }
        return sum / values.length;
    }

    public static int bucket(String key, int n) {
        int b = key.hashCode() % n;
        return b < 0 ? -b : b;
    }

    public static String hex(int value) {
        StringBuilder sb = new StringBuilder();
        for (int shift = 28; shift >= 0; shift -= 4) {
            sb.append("0123456789abcdef".charAt((value >>> shift) & 15));
        }
        return sb.toString();
    }
}

import java.util.*;

public class Inventory {
    private final Map<String, Integer> stock = new TreeMap<>();
    private final Map<String, Integer> sold = new LinkedHashMap<>();
    private final int limit;

    public Inventory(int limit) { this.limit = limit; }
    public Inventory() { this(5); }

    public Inventory add(String sku, int n) {
        if (n <= 0) throw new IllegalArgumentException("n must be positive: " + n);
        stock.merge(sku, n, Integer::sum);
        return this;
    }

    public boolean remove(String sku, int n) {
        Integer have = stock.get(sku);
        if (have == null) throw new NoSuchElementException("no " + sku);
        if (have < n) return false;
        if (have == n) stock.remove(sku); else stock.put(sku, have - n);
        sold.put(sku, sold.getOrDefault(sku, 0) + n);
        return true;
    }

    /** The first of those that were sold most; null when nothing was sold. */
    public String bestSeller() {
        String best = null;
        for (Map.Entry<String, Integer> e : sold.entrySet()) {
            if (best == null || e.getValue() > sold.get(best)) best = e.getKey();
        }
        return best;
    }

    public List<String> lowStock() {
        List<String> out = new ArrayList<>();
        for (Map.Entry<String, Integer> e : stock.entrySet()) {
            if (e.getValue() < limit) out.add(e.getKey());
        }
        out.sort(Comparator.comparing((String s) -> stock.get(s)).thenComparing(Comparator.reverseOrder()));
        return Collections.unmodifiableList(out);
    }

    public int size() { return stock.size(); }

    @Override public String toString() {
        StringJoiner j = new StringJoiner(", ", "{", "}");
        j.setEmptyValue("empty");
        stock.forEach((k, v) -> j.add(k + "=" + v));
        return j.toString();
    }
}

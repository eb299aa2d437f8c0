-- customers(id, name, region, active)      active: 1, 0 or NULL
-- orders(id, customer_id, amount, status)  amount and status may be NULL
SELECT c.region,
       COUNT(DISTINCT c.id)                                   AS customers,
       COUNT(o.id)                                            AS orders,
       COUNT(o.amount)                                        AS priced,
       SUM(o.amount)                                          AS total,
       SUM(CASE WHEN o.amount >= 100 THEN 1 ELSE 0 END)       AS big
FROM customers c
LEFT JOIN orders o
       ON o.customer_id = c.id AND o.status <> 'cancelled'
WHERE c.active <> 0
GROUP BY c.region
HAVING COUNT(DISTINCT c.id) > 1 OR SUM(o.amount) > 50
ORDER BY total DESC NULLS LAST, c.region NULLS LAST;

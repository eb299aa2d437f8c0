#include <stdint.h>
#define RING_FULL  -1
#define RING_EMPTY -2

typedef struct {
    uint8_t size;          /* power of two, 2..128 */
    uint8_t head, tail;    /* run freely, wrap at 256 */
    uint8_t data[128];
} ring;

static uint8_t count(const ring *r) { return (uint8_t)(r->head - r->tail); }

int ring_put(ring *r, int byte) {
    if (count(r) == r->size) return RING_FULL;
    r->data[r->head++ & (r->size - 1)] = (uint8_t)byte;
    return 0;
}

int ring_get(ring *r) {
    if (count(r) == 0) return RING_EMPTY;
    return r->data[r->tail++ & (r->size - 1)];
}

/* offset 0 is the oldest byte; negative offsets count from the newest */
int ring_peek(const ring *r, int offset) {
    int n = count(r);
    if (offset < 0) offset += n;
    if (offset < 0 || offset >= n) return RING_EMPTY;
    return r->data[(uint8_t)(r->tail + offset) & (r->size - 1)];
}

int ring_write(ring *r, const uint8_t *data, int n) {
    int done = 0;
    while (done < n && ring_put(r, data[done]) == 0) done++;
    return done;
}

/* over the bytes inside, oldest first */
uint16_t ring_crc(const ring *r) {
    uint16_t crc = 0xFFFF;
    for (uint8_t i = 0; i < count(r); i++) {
        crc ^= (uint16_t)(ring_peek(r, i) << 8);
        for (int k = 0; k < 8; k++)
            crc = crc & 0x8000 ? (uint16_t)((crc << 1) ^ 0x1021) : (uint16_t)(crc << 1);
    }
    return crc;
}

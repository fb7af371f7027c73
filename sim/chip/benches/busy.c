// A busy program: a checksum, a sort and a random number generator, over and over; no sleep, no
// peripheral. Its result ends in `result`, then it stays in `done`.

typedef unsigned int word;

#define ROUNDS 20000u

extern char stack_top;
volatile word result;

static word crc32(const unsigned char *bytes, word length)
{
    word crc = ~0u;
    while (length--) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

static void sort(short *items, int count)
{
    for (int i = 1; i < count; i++) {
        short item = items[i];
        int at = i;
        for (; at > 0 && items[at - 1] > item; at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

__attribute__((noinline)) void done(void)
{
#ifdef QEMU
    // Semihosting: the program ends well.
    __asm volatile("movs r0, #0x18\n ldr r1, =0x20026\n bkpt 0xAB\n .ltorg");
#endif
    for (;;)
        ;
}

void reset(void)
{
    static short items[64];
    word seed = 1, crc = 0;
    for (word round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 64; i++) {
            seed = seed * 1664525u + 1013904223u;
            items[i] = (short)(seed >> 16);
        }
        sort(items, 64);
        crc ^= crc32((const unsigned char *)items, sizeof items);
        seed += crc;
    }
    result = crc;
    done();
}

__attribute__((section(".vectors"), used)) void *const vectors[] = {&stack_top, (void *)reset, (void *)done, (void *)done};

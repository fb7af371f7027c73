/* Exceptions of ARMv6-M, one after another, with a log of what happens in which order.
 *
 * Runs on the core under test and on qemu-system-arm -M microbit (tests/exceptions.rs), which must print the
 * same. Nothing in the log depends on how long anything takes. Only the core and 2 KB of RAM are used;
 * the log is collected in RAM and printed by semihosting at the end. */

#include <stdint.h>
#include <string.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SYST_CSR REGISTER(0xE000E010)
#define SYST_RVR REGISTER(0xE000E014)
#define SYST_CVR REGISTER(0xE000E018)
#define NVIC_ISER REGISTER(0xE000E100)
#define NVIC_ICER REGISTER(0xE000E180)
#define NVIC_ISPR REGISTER(0xE000E200)
#define NVIC_ICPR REGISTER(0xE000E280)
#define NVIC_IPR(n) REGISTER(0xE000E400 + (n) * 4)
#define ICSR REGISTER(0xE000ED04)
#define SCR REGISTER(0xE000ED10)
#define SHPR2 REGISTER(0xE000ED1C)
#define SHPR3 REGISTER(0xE000ED20)
#define NMIPENDSET (1u << 31)
#define PENDSVSET (1u << 28)
#define PENDSVCLR (1u << 27)
#define PENDSTSET (1u << 26)

extern uint32_t data_start, data_end, data_load, bss_start, bss_end, stack_top;

/* The log: what, and a value. */
static struct { uint16_t tag; uint16_t line; uint32_t value; } entries[72];
static unsigned used, dropped;

static void note(uint16_t tag, uint32_t value, unsigned line) {
  uint32_t mask;
  __asm volatile("mrs %0, PRIMASK\n cpsid i" : "=r"(mask)::"memory");
  if (used < sizeof entries / sizeof *entries) {
    entries[used].tag = tag;
    entries[used].line = line;
    entries[used++].value = value;
  } else {
    dropped++;
  }
  __asm volatile("msr PRIMASK, %0" ::"r"(mask) : "memory");
}
#define LOG(tag, value) note((tag), (uint32_t)(value), __LINE__)

/* Semihosting. */
static uint32_t host(uint32_t operation, const void *argument) {
  register uint32_t r0 __asm("r0") = operation;
  register const void *r1 __asm("r1") = argument;
  __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

/* "line tag value", in hexadecimal. */
static void flush(const char *part) {
  static const char digits[16] = "0123456789abcdef";
  host(4, part);
  for (unsigned n = 0; n < used; n++) {
    char line[] = ".... .... ........\n";
    uint32_t both = (uint32_t)entries[n].line << 16 | entries[n].tag, value = entries[n].value;
    for (int at = 8; at >= 0; at--)
      if (at != 4) line[at] = digits[both & 15], both >>= 4;
    for (int at = 17; at >= 10; at--) line[at] = digits[value & 15], value >>= 4;
    host(4, line);
  }
  if (dropped) host(4, "entries are missing\n");
  used = dropped = 0;
}

static inline uint32_t ipsr(void) {
  uint32_t value;
  __asm volatile("mrs %0, IPSR" : "=r"(value));
  return value;
}
static inline uint32_t control(void) {
  uint32_t value;
  __asm volatile("mrs %0, CONTROL" : "=r"(value));
  return value;
}
#define LR_NOW() ({ uint32_t lr_; __asm volatile("mov %0, lr" : "=r"(lr_)); lr_; })
#define PEND(irq) (NVIC_ISPR = 1u << (irq), barrier())
static inline void barrier(void) { __asm volatile("dsb\n isb" ::: "memory"); }

/* What the handlers do, set by each part. */
static void (*volatile on_interrupt[32])(void);
static void (*volatile on_systick)(void);
static void (*volatile on_pendsv)(void);
static volatile unsigned ticks;

/* Every interrupt and PendSV: what was told to do. The EXC_RETURN value is in the LR at the start. */
__attribute__((naked)) void interrupt(void) {
  __asm volatile("mov r0, lr\n push {r4, lr}\n bl interrupt_body\n pop {r4, pc}");
}
__attribute__((used)) void interrupt_body(uint32_t exc_return) {
  uint32_t number = ipsr();
  LOG(1000 + number, exc_return);
  void (*action)(void) = number == 14 ? on_pendsv : number == 15 ? on_systick : on_interrupt[number - 16];
  if (number == 15) ticks++;
  if (action) action();
  LOG(2000 + number, ICSR & 0x1FF);
}

__attribute__((used)) void nmi(void) { LOG(1002, ipsr()); }

/* SVC: the number is in the instruction; returns its square and what was in r0. */
__attribute__((naked)) void svcall(void) {
  __asm volatile("mov r1, lr\n lsls r2, r1, #29\n mrs r0, MSP\n bpl 1f\n mrs r0, PSP\n 1: b svcall_body");
}
__attribute__((used)) void svcall_body(uint32_t *frame, uint32_t exc_return) {
  uint8_t number = ((uint16_t *)frame[6])[-1];
  LOG(1100 + number, exc_return);
  LOG(1199, frame[7] & 1u << 9);
  frame[0] = frame[0] + number * number;
}

/* HardFault: goes on behind the instruction, or where the fault says. */
static volatile uint32_t resume;
__attribute__((naked)) void hard_fault(void) {
  __asm volatile("mov r1, lr\n lsls r2, r1, #29\n mrs r0, MSP\n bpl 1f\n mrs r0, PSP\n 1: b hard_fault_body");
}
__attribute__((used)) void hard_fault_body(uint32_t *frame, uint32_t exc_return) {
  LOG(1003, exc_return);
  LOG(1300, frame[7] & (1u << 24 | 0x3F));
  LOG(1301, frame[0]);
  if (resume) {
    frame[6] = resume & ~1u;
    frame[7] |= 1u << 24;
    resume = 0;
  } else {
    LOG(1302, *(uint16_t *)frame[6]);
    frame[6] += 2;
  }
}

void pendsv(void);
void reset(void);
__attribute__((section(".vectors"), used)) static void *const vectors[48] = {
    &stack_top, reset,     nmi,       hard_fault, 0,         0,         0,         0,
    0,          0,         0,         svcall,     0,         0,         pendsv,    interrupt,
    interrupt,  interrupt, interrupt, interrupt,  interrupt, interrupt, interrupt, interrupt,
    interrupt,  interrupt, interrupt, interrupt,  interrupt, interrupt, interrupt, interrupt,
    interrupt,  interrupt, interrupt, interrupt,  interrupt, interrupt, interrupt, interrupt,
    interrupt,  interrupt, interrupt, interrupt,  interrupt, interrupt, interrupt, interrupt,
};

/* Priorities: 0 and 1 low, 2 and 3 middle, 4 high, 5 highest; SVCall middle, SysTick low. */
static void priorities(void) {
  NVIC_IPR(0) = 0x4040C0C0;
  NVIC_IPR(1) = 0xC0C00000;
  SHPR2 = 0x40000000;
  SHPR3 = 0x80C00000;
  NVIC_ISER = 0x3F;
}

static void registers(void) {
  NVIC_IPR(0) = 0xFFFFFFFF;
  LOG(1, NVIC_IPR(0));
  SHPR2 = 0xFFFFFFFF;
  SHPR3 = 0xFFFFFFFF;
  LOG(2, SHPR2);
  LOG(3, SHPR3 & 0xFFFF0000);
  NVIC_ISER = 0x3;
  NVIC_ICER = 0x1;
  LOG(4, NVIC_ISER);
  LOG(5, NVIC_ICER);
  NVIC_ISPR = 0x1C;
  NVIC_ICPR = 0x8;
  LOG(6, NVIC_ISPR);
  LOG(7, ICSR & 0x0040003F);
  NVIC_ICPR = 0xFFFFFFFF;
  NVIC_ICER = 0xFFFFFFFF;
  LOG(8, NVIC_ICPR);
  LOG(9, ICSR & 0xF043F03F);
  SYST_RVR = 0xFF123456;
  LOG(11, SYST_RVR);
  LOG(12, REGISTER(0xE000ED14));
  LOG(13, REGISTER(0xE000ED0C));
}

static void pend_4(void) { PEND(4); LOG(20, NVIC_ISPR); }
static void pend_0_3_4(void) { NVIC_ISPR = 0x19; barrier(); LOG(21, NVIC_ISPR); }
static void pend_self_and_1(void) {
  on_interrupt[0] = 0;
  NVIC_ISPR = 0x3;
  barrier();
  LOG(22, NVIC_ISPR);
}
static void pend_pendsv(void) { ICSR = PENDSVSET; barrier(); LOG(23, ICSR & PENDSVSET); }

static void nesting(void) {
  on_interrupt[0] = pend_4;
  PEND(0);
  /* Two levels deep, and what is lower waits. */
  on_interrupt[0] = pend_4;
  on_interrupt[2] = pend_0_3_4;
  on_interrupt[3] = pend_4;
  PEND(2);
  on_interrupt[0] = pend_self_and_1;
  on_interrupt[2] = 0;
  PEND(0);
  LOG(30, NVIC_ISPR);
  memset((void *)on_interrupt, 0, sizeof on_interrupt);
}

static void order(void) {
  /* Of equal priority the lower number comes first, of unequal the more urgent. */
  __asm volatile("cpsid i");
  NVIC_ISPR = 0x3F;
  barrier();
  LOG(31, ICSR & 0x0047F03F);
  __asm volatile("cpsie i\n isb");
  LOG(32, NVIC_ISPR);
  /* PendSV and SysTick with interrupts. */
  __asm volatile("cpsid i");
  ICSR = PENDSVSET | PENDSTSET;
  NVIC_ISPR = 0x5;
  __asm volatile("cpsie i\n isb");
  /* Withdrawn before it is taken. */
  __asm volatile("cpsid i");
  ICSR = PENDSVSET;
  ICSR = PENDSVCLR;
  __asm volatile("cpsie i\n isb");
  on_interrupt[2] = pend_pendsv;
  PEND(2);
  on_interrupt[2] = 0;
  ICSR = NMIPENDSET;
  barrier();
  LOG(33, 0);
}

#define SVC(number, argument)                                                                  \
  ({                                                                                           \
    register uint32_t r0_ __asm("r0") = (argument);                                            \
    __asm volatile("svc %1" : "+r"(r0_) : "i"(number) : "memory", "cc");                      \
    r0_;                                                                                       \
  })

static void svc_in_0(void) { LOG(40, SVC(3, 100)); }
static void svcs(void) {
  LOG(41, SVC(7, 1000));
  /* With the stack not aligned to 8 bytes. */
  register uint32_t r0 __asm("r0") = 5;
  __asm volatile("sub sp, #4\n svc 9\n add sp, #4" : "+r"(r0)::"memory", "cc");
  LOG(42, r0);
  /* SVCall preempts a low interrupt. */
  on_interrupt[0] = svc_in_0;
  PEND(0);
  on_interrupt[0] = 0;
  /* Registers survive an exception, R4 to R12 too, and so do the flags. */
  uint32_t sum;
  __asm volatile(
      "movs r0, #1\n movs r1, #2\n movs r2, #3\n movs r3, #4\n movs r4, #5\n mov r12, r4\n"
      "movs r5, #0\n subs r5, #1\n cmp r5, r5\n svc 0\n bne 1f\n bcc 1f\n adds r0, r1\n adds r0, r2\n"
      "adds r0, r3\n adds r0, r4\n add r0, r12\n 1: mov %0, r0"
      : "=r"(sum)::"r0", "r1", "r2", "r3", "r4", "r5", "r12", "cc", "memory");
  LOG(43, sum);
}

/* Two threads on process stacks, switched by PendSV. */
static uint32_t stacks[2][40];
static uint32_t *volatile saved[2];
static volatile uint32_t current;
__attribute__((naked)) void switch_threads(void) {
  __asm volatile(
      "mrs r0, PSP\n subs r0, #16\n stmia r0!, {r4-r7}\n subs r0, #16\n push {r4, lr}\n bl next_thread\n"
      "ldmia r0!, {r4-r7}\n msr PSP, r0\n pop {r1, r2}\n bx r2");
}
__attribute__((used)) uint32_t *next_thread(uint32_t *sp) {
  LOG(50, ipsr());
  saved[current] = sp;
  current ^= 1;
  return saved[current];
}
static void yield(void) { ICSR = PENDSVSET; barrier(); }
static void thread(uint32_t id) {
  for (uint32_t n = 0; n < 3; n++) {
    LOG(51 + id, n << 8 | control());
    if (n == 1) LOG(53, SVC(2, id));
    yield();
  }
  for (;;) yield();
}
static void first_thread(void) {
  /* The start of thread 1, as if it had been switched away. */
  uint32_t *frame = &stacks[1][40 - 8 - 4];
  memset(frame, 0, 12 * 4);
  frame[4] = 1;
  frame[10] = (uint32_t)thread & ~1u;
  frame[11] = 1u << 24;
  saved[1] = frame;
  for (uint32_t n = 0; n < 4; n++) {
    LOG(54, n << 8 | control());
    yield();
  }
}
static void on_threads(void);
static void threads(void) {
  uint32_t psp = (uint32_t)&stacks[0][40];
  __asm volatile(
      "msr PSP, %0\n movs r0, #2\n msr CONTROL, r0\n isb\n bl on_threads_c\n"
      "movs r0, #0\n msr CONTROL, r0\n isb" ::"r"(psp)
      : "r0", "r1", "r2", "r3", "r12", "lr", "cc", "memory");
  LOG(55, control());
}
__attribute__((used)) void on_threads_c(void) { on_threads(); }

static volatile int switching;
static void on_threads(void) {
  switching = 1;
  first_thread();
  switching = 0;
}
__attribute__((naked)) void pendsv(void) {
  __asm volatile(
      "ldr r0, =switching\n ldr r0, [r0]\n cmp r0, #0\n beq 1f\n ldr r0, =switch_threads\n bx r0\n"
      "1: ldr r0, =interrupt\n bx r0\n .pool");
}

static void stop_after_3(void) { if (ticks == 3) SCR = 0; }
static void sleeping(void) {
  ticks = 0;
  SYST_RVR = 20000;
  SYST_CVR = 0;
  SYST_CSR = 7;
  while (ticks < 2) __asm volatile("wfi");
  SYST_CSR = 0;
  LOG(60, ticks);
  /* Sleeping between handlers, until one of them says otherwise. QEMU's M0 has no SCR and leaves WFI
   * each time; that the core does not is for tests/core/exceptions.rs to see. */
  ticks = 0;
  on_systick = stop_after_3;
  SCR = 2;
  SYST_CVR = 0;
  SYST_CSR = 7;
  while (ticks < 3) __asm volatile("wfi");
  SYST_CSR = 0;
  LOG(61, ticks);
  on_systick = 0;
  /* WFI ends with PRIMASK set, and the handler runs when it is cleared. */
  __asm volatile("cpsid i");
  PEND(3);
  __asm volatile("wfi");
  LOG(62, NVIC_ISPR);
  __asm volatile("cpsie i\n isb");
  LOG(63, NVIC_ISPR);
  /* The event register: SEV, an exception, an interrupt that is only pending. */
  __asm volatile("sev\n wfe");
  LOG(64, 0);
  PEND(1);
  __asm volatile("wfe");
  LOG(65, 0);
  NVIC_ICER = 1u << 2;
  SCR = 0x10;
  PEND(2);
  __asm volatile("wfe");
  SCR = 0;
  LOG(66, NVIC_ISPR);
  NVIC_ICPR = 1u << 2;
  /* COUNTFLAG is set by the count and cleared by reading. */
  SYST_RVR = 500;
  SYST_CVR = 0;
  SYST_CSR = 5;
  while (!(SYST_CSR & 1u << 16)) {
  }
  SYST_CSR = 0;
  LOG(67, SYST_CSR & 1u << 16);
}

static void fault_in_5(void) {
  __asm volatile("ldr r0, =0x20000001\n ldr r0, [r0]" ::: "r0", "memory");
  LOG(70, ipsr());
}
static void svc_in_4(void) {
  register uint32_t r0 __asm("r0") = 77;
  __asm volatile("ldr r1, =1f\n ldr r2, =resume\n str r1, [r2]\n svc 1\n 1: nop" : "+r"(r0)::"r1", "r2", "memory");
  LOG(71, r0);
}
static void faults(void) {
  __asm volatile("ldr r0, =0x20000002\n ldr r1, [r0]" ::: "r0", "r1", "memory");
  __asm volatile("ldr r0, =0x20000001\n strh r1, [r0]" ::: "r0", "r1", "memory");
  __asm volatile("ldr r0, =0x20000001\n ldmia r0!, {r1}" ::: "r0", "r1", "memory");
  __asm volatile("movs r0, #9\n .inst.n 0xde2a" ::: "r0", "memory");
  __asm volatile("ldr r0, =0x60000000\n ldr r1, [r0]" ::: "r0", "r1", "memory");
  __asm volatile("ldr r0, =0x60000000\n str r1, [r0]" ::: "r0", "r1", "memory");
  LOG(72, 0);
  /* To an even address, and to where nothing may be executed. */
  __asm volatile("ldr r1, =1f\n ldr r2, =resume\n str r1, [r2]\n ldr r0, =reset\n lsrs r0, #1\n lsls r0, #1\n"
                 "bx r0\n 1: nop" ::: "r0", "r1", "r2", "memory", "cc");
  LOG(73, 0);
  __asm volatile("ldr r1, =1f\n ldr r2, =resume\n str r1, [r2]\n ldr r0, =0xA0000001\n blx r0\n 1: nop" :::
                 "r0", "r1", "r2", "r3", "r12", "lr", "memory", "cc");
  LOG(74, 0);
  /* In a handler, on top of it. */
  on_interrupt[5] = fault_in_5;
  PEND(5);
  on_interrupt[4] = svc_in_4;
  PEND(4);
  /* SVC with PRIMASK set. */
  __asm volatile("cpsid i");
  svc_in_4();
  __asm volatile("cpsie i");
}

__attribute__((noreturn, used)) void reset(void) {
  memcpy(&data_start, &data_load, (char *)&data_end - (char *)&data_start);
  memset(&bss_start, 0, (char *)&bss_end - (char *)&bss_start);
  registers();
  flush("# registers\n");
  priorities();
  nesting();
  flush("# nesting\n");
  order();
  flush("# order\n");
  svcs();
  flush("# svc\n");
  threads();
  flush("# threads\n");
  sleeping();
  flush("# sleep\n");
  faults();
  flush("# faults\n");
  host(0x18, (void *)0x20026);
  for (;;) {
  }
}

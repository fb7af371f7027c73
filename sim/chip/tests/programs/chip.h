/* The registers of the STM32L011 that these programs use, and what every program has in common.
   Names are ST's and ARM's; the numbers are in src/registers/ of this package, with their sources. */
#ifndef CHIP_H
#define CHIP_H

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))
#define BIT(n) (1u << (n))

/* Sets and clears bits in one read and one write, as vendor code does. */
#define SET_BIT(reg, bits) ((reg) |= (bits))
#define CLEAR_BIT(reg, bits) ((reg) &= ~(bits))
#define MODIFY_REG(reg, clear, set) ((reg) = ((reg) & ~(clear)) | (set))

typedef struct {
    volatile uint32_t CR1, CR2, SMCR, DIER, SR, EGR, CCMR1, CCMR2, CCER, CNT, PSC, ARR, RESERVED, CCR1, CCR2;
} TIM_TypeDef;
typedef struct {
    volatile uint32_t MODER, OTYPER, OSPEEDR, PUPDR, IDR, ODR, BSRR, LCKR, AFRL, AFRH, BRR;
} GPIO_TypeDef;
typedef struct {
    volatile uint32_t CR, ICSCR, CRRCR, CFGR, CIER, CIFR, CICR, IOPRSTR, AHBRSTR, APB2RSTR, APB1RSTR, IOPENR,
        AHBENR, APB2ENR, APB1ENR, IOPSMENR, AHBSMENR, APB2SMENR, APB1SMENR, CCIPR, CSR;
} RCC_TypeDef;
typedef struct {
    volatile uint32_t ACR, PECR, PDKEYR, PEKEYR, PRGKEYR, OPTKEYR, SR, OPTR, WRPR;
} FLASH_TypeDef;
typedef struct {
    volatile uint32_t IMR, EMR, RTSR, FTSR, SWIER, PR;
} EXTI_TypeDef;
typedef struct {
    volatile uint32_t ISR, ICR, IER, CFGR, CR, CMP, ARR, CNT;
} LPTIM_TypeDef;
typedef struct {
    volatile uint32_t KR, PR, RLR, SR, WINR;
} IWDG_TypeDef;
typedef struct {
    volatile uint32_t TR, DR, CR, ISR, PRER, WUTR, RESERVED, ALRMAR, ALRMBR, WPR, SSR;
} RTC_TypeDef;

#define TIM2 ((TIM_TypeDef *)0x40000000)
#define TIM21 ((TIM_TypeDef *)0x40010800)
#define LPTIM1 ((LPTIM_TypeDef *)0x40007c00)
#define RTC ((RTC_TypeDef *)0x40002800)
#define IWDG ((IWDG_TypeDef *)0x40003000)
#define EXTI ((EXTI_TypeDef *)0x40010400)
#define RCC ((RCC_TypeDef *)0x40021000)
#define FLASH ((FLASH_TypeDef *)0x40022000)
#define GPIOA ((GPIO_TypeDef *)0x50000000)
#define GPIOC ((GPIO_TypeDef *)0x50000800)
#define PWR_CR REG(0x40007000)
#define PWR_CSR REG(0x40007004)
#define SYSCFG_EXTICR1 REG(0x40010008)
#define SYST_CSR REG(0xe000e010)
#define SYST_RVR REG(0xe000e014)
#define SYST_CVR REG(0xe000e018)
#define NVIC_ISER REG(0xe000e100)
#define NVIC_ICER REG(0xe000e180)
#define NVIC_ISPR REG(0xe000e200)
#define NVIC_ICPR REG(0xe000e280)
#define NVIC_IPR(n) REG(0xe000e400 + 4 * (n))
#define SCB_ICSR REG(0xe000ed04)
#define SCB_VTOR REG(0xe000ed08)
#define SCB_AIRCR REG(0xe000ed0c)
#define SCB_SCR REG(0xe000ed10)
#define SCB_SHPR3 REG(0xe000ed20)

enum { WWDG_IRQn, PVD_IRQn, RTC_IRQn, FLASH_IRQn, RCC_IRQn, EXTI0_1_IRQn, EXTI2_3_IRQn, EXTI4_15_IRQn,
       LPTIM1_IRQn = 13, TIM2_IRQn = 15, TIM21_IRQn = 20 };

/* RCC_APB1ENR */
#define TIM2EN BIT(0)
#define PWREN BIT(28)
#define LPTIM1EN BIT(31)
/* RCC_APB2ENR */
#define SYSCFGEN BIT(0)
#define TIM21EN BIT(2)

#define SCR_SLEEPDEEP BIT(2)

/* What a program tells the test: the first words of RAM, not initialised at start. */
extern volatile uint32_t result[32];

/* The pin by which a program marks moments: PA4, low from start_pins() on. */
#define MARK_HIGH() (GPIOA->BSRR = BIT(4))
#define MARK_LOW() (GPIOA->BRR = BIT(4))

static inline void start_pins(void)
{
    SET_BIT(RCC->IOPENR, BIT(0) | BIT(2));
    (void)RCC->IOPENR;
    MODIFY_REG(GPIOA->MODER, 3u << 8, 1u << 8);
}

static inline void wfi(void) { __asm__ volatile("dsb\n\twfi" ::: "memory"); }
static inline void disable_irq(void) { __asm__ volatile("cpsid i" ::: "memory"); }
static inline void enable_irq(void) { __asm__ volatile("cpsie i" ::: "memory"); }

/* Priority 0 (most urgent) to 3. */
static inline void set_priority(uint32_t irq, uint32_t priority)
{
    uint32_t shift = 8 * (irq % 4) + 6;
    MODIFY_REG(NVIC_IPR(irq / 4), 3u << shift, priority << shift);
}

/* The end of a program that has nothing more to do. */
static inline void __attribute__((noreturn)) rest(void)
{
    disable_irq();
    for (;;)
        wfi();
}

#define RAM_FUNCTION __attribute__((section(".ramfunc"), noinline, long_call))

#endif

/* A program built like those that vendor tools generate: handles, ready flags polled with time-outs against a
   1 ms tick, read-modify-write of everything, long waits inside an interrupt handler, Stop by WFI.

   result: 0 steps done, 1 errors, 2 frequency test under HSI16 [TIM2 ticks], 3 the same under MSI, 4 events
   handled, 5 tick when main begins to wait for events, 6 SYSCLK source seen after Stop. */
#include <stdlib.h>
#include "chip.h"

typedef enum { HAL_OK, HAL_ERROR, HAL_TIMEOUT } HAL_StatusTypeDef;
typedef struct {
    uint32_t Pin, Mode, Pull, Interrupt;
} GPIO_InitTypeDef;
enum { MODE_INPUT, MODE_OUTPUT, MODE_OPEN_DRAIN, IT_NONE = 0, IT_RISING = 1, IT_FALLING = 2 };

static volatile uint32_t uwTick;
static uint32_t SystemCoreClock = 2097152;

static void HAL_InitTick(void)
{
    SYST_RVR = SystemCoreClock / 1000 - 1;
    SYST_CVR = 0;
    SYST_CSR = 7;
}

void SysTick_Handler(void) { uwTick += 1; }
static uint32_t HAL_GetTick(void) { return uwTick; }

static void HAL_Delay(uint32_t delay)
{
    uint32_t start = HAL_GetTick();
    while (HAL_GetTick() - start < delay + 1) {
    }
}

static HAL_StatusTypeDef wait_for(volatile uint32_t *reg, uint32_t mask, uint32_t value, uint32_t timeout)
{
    uint32_t start = HAL_GetTick();
    while ((*reg & mask) != value)
        if (HAL_GetTick() - start > timeout)
            return HAL_TIMEOUT;
    return HAL_OK;
}

static void check(HAL_StatusTypeDef status)
{
    if (status != HAL_OK)
        result[1] += 1;
}

static void SystemInit(void)
{
    SET_BIT(RCC->CR, BIT(8));
    RCC->CFGR &= 0x88ff400c;
    RCC->CR &= 0xfef6fff6;
    RCC->CRRCR &= ~1u;
    RCC->CR &= 0xfffbffff;
    RCC->CFGR &= 0xff02ffff;
    RCC->CIER = 0;
    SCB_VTOR = 0x08000000;
}

static void GPIO_Init(GPIO_TypeDef *port, uint32_t extiPort, const GPIO_InitTypeDef *init)
{
    for (uint32_t n = 0; init->Pin >> n; n++) {
        if (!(init->Pin >> n & 1))
            continue;
        if (init->Mode != MODE_INPUT) {
            MODIFY_REG(port->OSPEEDR, 3u << 2 * n, 0);
            MODIFY_REG(port->OTYPER, BIT(n), init->Mode == MODE_OPEN_DRAIN ? BIT(n) : 0);
        }
        MODIFY_REG(port->PUPDR, 3u << 2 * n, init->Pull << 2 * n);
        MODIFY_REG(port->MODER, 3u << 2 * n, (init->Mode != MODE_INPUT) << 2 * n);
        if (init->Interrupt != IT_NONE) {
            volatile uint32_t *exticr = &SYSCFG_EXTICR1 + n / 4;
            SET_BIT(RCC->APB2ENR, SYSCFGEN);
            MODIFY_REG(*exticr, 15u << 4 * (n % 4), extiPort << 4 * (n % 4));
            MODIFY_REG(EXTI->IMR, BIT(n), BIT(n));
            MODIFY_REG(EXTI->EMR, BIT(n), 0);
            MODIFY_REG(EXTI->RTSR, BIT(n), init->Interrupt & IT_RISING ? BIT(n) : 0);
            MODIFY_REG(EXTI->FTSR, BIT(n), init->Interrupt & IT_FALLING ? BIT(n) : 0);
        }
    }
}

static void MX_GPIO_Init(void)
{
    GPIO_InitTypeDef init = { BIT(4), MODE_OUTPUT, 0, IT_NONE };
    SET_BIT(RCC->IOPENR, BIT(0));
    (void)(RCC->IOPENR & BIT(0));
    SET_BIT(RCC->IOPENR, BIT(2));
    (void)(RCC->IOPENR & BIT(2));
    GPIOA->BRR = BIT(4);
    GPIO_Init(GPIOA, 0, &init);
    init = (GPIO_InitTypeDef){ BIT(9), MODE_OPEN_DRAIN, 0, IT_NONE };
    GPIOA->BSRR = BIT(9);
    GPIO_Init(GPIOA, 0, &init);
    init = (GPIO_InitTypeDef){ BIT(15), MODE_OUTPUT, 0, IT_NONE };
    GPIO_Init(GPIOC, 2, &init);
    init = (GPIO_InitTypeDef){ BIT(0), MODE_INPUT, 1, IT_FALLING };
    GPIO_Init(GPIOA, 0, &init);
    set_priority(EXTI0_1_IRQn, 3);
}

static void MX_TIM2_Init(void)
{
    SET_BIT(RCC->APB1ENR, TIM2EN);
    (void)(RCC->APB1ENR & TIM2EN);
    MODIFY_REG(TIM2->CR1, 0x3f0, 0);
    TIM2->ARR = 0xffff;
    TIM2->PSC = 2096;
    TIM2->EGR = 1;
}

static void delay_ms(uint16_t delay)
{
    SET_BIT(TIM2->CR1, 1);
    TIM2->CNT = 0;
    while (TIM2->CNT < delay) {
    }
    CLEAR_BIT(TIM2->CR1, 1);
}

/* HSI16 on, ready, switched to; flags polled against the tick all the way. */
static void to_hsi16(void)
{
    SET_BIT(RCC->CR, BIT(0));
    check(wait_for(&RCC->CR, BIT(2), BIT(2), 2));
    MODIFY_REG(FLASH->ACR, 1, 0);
    MODIFY_REG(RCC->CFGR, 3, 1);
    check(wait_for(&RCC->CFGR, 0xc, 0x4, 5000));
    SystemCoreClock = 16000000;
    HAL_InitTick();
}

static void to_msi(void)
{
    SET_BIT(RCC->CR, BIT(8));
    check(wait_for(&RCC->CR, BIT(9), BIT(9), 2));
    MODIFY_REG(RCC->ICSCR, 7u << 13, 5u << 13);
    MODIFY_REG(RCC->CFGR, 3, 0);
    check(wait_for(&RCC->CFGR, 0xc, 0, 5000));
    CLEAR_BIT(RCC->CR, BIT(0));
    check(wait_for(&RCC->CR, BIT(2), 0, 2));
    SystemCoreClock = 2097152;
    HAL_InitTick();
}

/* TIM2 ticks of 2097 core cycles in 50 ms of SysTick: depends on nothing but both dividing alike. */
static uint32_t frequency_test(void)
{
    uint32_t ticks;
    SET_BIT(TIM2->CR1, 1);
    HAL_Delay(0);
    TIM2->CNT = 0;
    HAL_Delay(49);
    ticks = TIM2->CNT;
    CLEAR_BIT(TIM2->CR1, 1);
    return ticks;
}

static void eeprom_write(uint32_t address, uint32_t value)
{
    check(wait_for(&FLASH->SR, 1, 0, 50));
    FLASH->SR = 2;
    if (FLASH->PECR & 1) {
        disable_irq();
        FLASH->PEKEYR = 0x89abcdef;
        FLASH->PEKEYR = 0x02030405;
        enable_irq();
    }
    *(volatile uint32_t *)address = 0;
    check(wait_for(&FLASH->SR, 1, 0, 50));
    *(volatile uint32_t *)address = value;
    check(wait_for(&FLASH->SR, 1, 0, 50));
    SET_BIT(FLASH->PECR, 1);
}

/* Newest of the records at an address: counter and value. Uses the C library and the heap on purpose. */
static uint32_t newest_record(uint32_t address, uint32_t count)
{
    uint32_t newest = 0;
    uint32_t *copy = malloc(8 * count);
    if (copy == NULL) {
        result[1] += 1;
        return 0;
    }
    for (uint32_t n = 0; n < 2 * count; n++)
        copy[n] = *(volatile uint32_t *)(address + 4 * n);
    for (uint32_t n = 0; n < count; n++)
        if (copy[2 * n] > newest)
            newest = copy[2 * n];
    free(copy);
    return newest;
}

/* The long way round: 20 s inside the handler, other edges lost meanwhile. */
void EXTI0_1_IRQHandler(void)
{
    if (EXTI->PR & BIT(0)) {
        uint32_t record = newest_record(0x08080008, 8);
        EXTI->PR = BIT(0);
        NVIC_ICER = BIT(EXTI0_1_IRQn);
        MARK_HIGH();
        delay_ms(20000);
        MARK_LOW();
        eeprom_write(0x08080008 + 8 * (record % 8), record + 1);
        eeprom_write(0x0808000c + 8 * (record % 8), 0x5a000000 | result[4]);
        result[4] += 1;
        EXTI->PR = BIT(0);
        NVIC_ISER = BIT(EXTI0_1_IRQn);
    }
}

static void enter_stop(void)
{
    SET_BIT(PWR_CR, BIT(2));
    MODIFY_REG(PWR_CR, 3, 1);
    SET_BIT(SCB_SCR, SCR_SLEEPDEEP);
    wfi();
    CLEAR_BIT(SCB_SCR, SCR_SLEEPDEEP);
}

int main(void)
{
    for (uint32_t n = 0; n < 8; n++)
        result[n] = 0;
    SystemInit();
    SET_BIT(FLASH->ACR, BIT(6));
    HAL_InitTick();
    MODIFY_REG(SCB_SHPR3, 3u << 30, 3u << 30);
    SET_BIT(RCC->APB1ENR, PWREN);
    MODIFY_REG(PWR_CR, 3u << 11, 1u << 11);
    check(wait_for(&PWR_CSR, BIT(4), 0, 2));
    MX_GPIO_Init();
    MX_TIM2_Init();
    result[0] = 1;

    to_hsi16();
    result[2] = frequency_test();
    to_msi();
    result[3] = frequency_test();
    result[0] = 2;

    MARK_HIGH();
    HAL_Delay(10);
    MARK_LOW();
    delay_ms(1000);
    MARK_HIGH();
    delay_ms(100);
    MARK_LOW();
    result[0] = 3;

    eeprom_write(0x08080000, 0x12345678);
    eeprom_write(0x08080004, 0xcafe0000 | result[1]);
    result[0] = 4;

    NVIC_ISER = BIT(EXTI0_1_IRQn);
    result[5] = HAL_GetTick();
    for (;;) {
        GPIOA->ODR ^= BIT(9);
        CLEAR_BIT(SYST_CSR, 1);
        enter_stop();
        SET_BIT(SYST_CSR, 1);
        result[6] = RCC->CFGR & 0xc;
        MODIFY_REG(GPIOC->ODR, 0, BIT(15));
    }
}

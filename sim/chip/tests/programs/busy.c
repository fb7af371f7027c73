/* Polls a timer for 20 s, as a program without interrupts waits: the mark is high meanwhile. */
#include "chip.h"

int main(void)
{
    start_pins();
    SET_BIT(RCC->APB1ENR, TIM2EN);
    TIM2->PSC = 2096;
    TIM2->ARR = 0xffff;
    TIM2->EGR = 1;
    MARK_HIGH();
    TIM2->CR1 = 1;
    while (TIM2->CNT < 20000) {
    }
    MARK_LOW();
    rest();
}

//! Bases and reset values against the crate `stm32l0`, made from ST's register file of the family.
//!
//! Its offsets can be had from a reference to the chip's memory alone, so those are held against the
//! other crate. A difference is named with its reason, and must be there: a list that has gone stale fails.

use stm32l0::Resettable;
use stm32l0::stm32l0x1::*;
use stm32l011::registers::{self, PERIPHERALS};

/// Where the table differs from the register file: the file's value, and why.
const DIFFERENCES: &[(&str, u32, &str)] = &[
    ("RCC_IOPSMENR", 0x8f, "ports D and H are not on this chip"),
    ("RCC_AHBSMENR", 0x0111_1301, "touch sensing, random numbers and AES are not on this chip"),
    ("RCC_APB2SMENR", 0x0040_5225, "TIM22 and USART1 are not on this chip"),
    ("RCC_APB1SMENR", 0xb8e6_4a11, "most of them are not on this chip"),
    ("PWR_CSR", 0, "the voltage reference is ready when the program begins"),
    ("FLASH_SR", 0x4, "the memory is ready when the program begins"),
    ("FLASH_OPTR", 0x00f8_0000, "the factory's option bytes are loaded when the program begins"),
    ("EXTI_IMR", 0xff84_0000, "lines 24, 27, 30 and 31 are not on this chip"),
    ("GPIOA_OSPEEDR", 0, "the debug pin is fast"),
    ("DBGMCU_IDCODE", 0, "the file leaves the device's number out"),
    ("TIM2_ARR", 0, "the file has 0 for the timers of every family"),
    ("TIM21_ARR", 0, "the file has 0 for the timers of every family"),
    ("RTC_DR", 0, "the file has 0 for the whole clock; those of other families have the date"),
    ("RTC_ISR", 0, "as RTC_DR"),
    ("RTC_PRER", 0, "as RTC_DR"),
    ("RTC_WUTR", 0, "as RTC_DR"),
];

macro_rules! resets {
    ($($name:ident $($path:ident)::+)+) => {
        [$((stringify!($name), <$($path)::+ as Resettable>::RESET_VALUE as u32)),+]
    };
}

#[test]
fn reset_values_are_those_of_the_register_file() {
    let theirs = resets! {
    // RCC
    RCC_CR rcc::cr::CRrs
    RCC_ICSCR rcc::icscr::ICSCRrs
    RCC_CFGR rcc::cfgr::CFGRrs
    RCC_CIER rcc::cier::CIERrs
    RCC_CIFR rcc::cifr::CIFRrs
    RCC_CICR rcc::cicr::CICRrs
    RCC_IOPRSTR rcc::ioprstr::IOPRSTRrs
    RCC_AHBRSTR rcc::ahbrstr::AHBRSTRrs
    RCC_APB2RSTR rcc::apb2rstr::APB2RSTRrs
    RCC_APB1RSTR rcc::apb1rstr::APB1RSTRrs
    RCC_IOPENR rcc::iopenr::IOPENRrs
    RCC_AHBENR rcc::ahbenr::AHBENRrs
    RCC_APB2ENR rcc::apb2enr::APB2ENRrs
    RCC_APB1ENR rcc::apb1enr::APB1ENRrs
    RCC_IOPSMENR rcc::iopsmen::IOPSMENrs
    RCC_AHBSMENR rcc::ahbsmenr::AHBSMENRrs
    RCC_APB2SMENR rcc::apb2smenr::APB2SMENRrs
    RCC_APB1SMENR rcc::apb1smenr::APB1SMENRrs
    RCC_CCIPR rcc::ccipr::CCIPRrs
    RCC_CSR rcc::csr::CSRrs
    // PWR
    PWR_CR pwr::cr::CRrs
    PWR_CSR pwr::csr::CSRrs
    // FLASH
    FLASH_ACR flash::acr::ACRrs
    FLASH_PECR flash::pecr::PECRrs
    FLASH_PDKEYR flash::pdkeyr::PDKEYRrs
    FLASH_PEKEYR flash::pekeyr::PEKEYRrs
    FLASH_PRGKEYR flash::prgkeyr::PRGKEYRrs
    FLASH_OPTKEYR flash::optkeyr::OPTKEYRrs
    FLASH_SR flash::sr::SRrs
    FLASH_OPTR flash::optr::OPTRrs
    FLASH_WRPR flash::wrprot1::WRPROT1rs
    // SYSCFG
    SYSCFG_CFGR1 syscfg::cfgr1::CFGR1rs
    SYSCFG_CFGR2 syscfg::cfgr2::CFGR2rs
    SYSCFG_EXTICR1 syscfg::exticr1::EXTICR1rs
    SYSCFG_EXTICR2 syscfg::exticr2::EXTICR2rs
    SYSCFG_EXTICR3 syscfg::exticr3::EXTICR3rs
    SYSCFG_EXTICR4 syscfg::exticr4::EXTICR4rs
    SYSCFG_CFGR3 syscfg::cfgr3::CFGR3rs
    // COMP1
    COMP1_CSR syscfg::comp1_csr::COMP1_CSRrs
    // COMP2
    COMP2_CSR syscfg::comp2_csr::COMP2_CSRrs
    // EXTI
    EXTI_IMR exti::imr::IMRrs
    EXTI_EMR exti::emr::EMRrs
    EXTI_RTSR exti::rtsr::RTSRrs
    EXTI_FTSR exti::ftsr::FTSRrs
    EXTI_SWIER exti::swier::SWIERrs
    EXTI_PR exti::pr::PRrs
    // DBGMCU
    DBGMCU_IDCODE dbg::idcode::IDCODErs
    DBGMCU_CR dbg::cr::CRrs
    DBGMCU_APB1FZ dbg::apb1_fz::APB1_FZrs
    DBGMCU_APB2FZ dbg::apb2_fz::APB2_FZrs
    // DMA1
    DMA1_ISR dma1::isr::ISRrs
    DMA1_IFCR dma1::ifcr::IFCRrs
    DMA1_CCR1 dma1::ch::cr::CRrs
    DMA1_CNDTR1 dma1::ch::ndtr::NDTRrs
    DMA1_CPAR1 dma1::ch::par::PARrs
    DMA1_CMAR1 dma1::ch::mar::MARrs
    DMA1_CCR2 dma1::ch::cr::CRrs
    DMA1_CNDTR2 dma1::ch::ndtr::NDTRrs
    DMA1_CPAR2 dma1::ch::par::PARrs
    DMA1_CMAR2 dma1::ch::mar::MARrs
    DMA1_CCR3 dma1::ch::cr::CRrs
    DMA1_CNDTR3 dma1::ch::ndtr::NDTRrs
    DMA1_CPAR3 dma1::ch::par::PARrs
    DMA1_CMAR3 dma1::ch::mar::MARrs
    DMA1_CCR4 dma1::ch::cr::CRrs
    DMA1_CNDTR4 dma1::ch::ndtr::NDTRrs
    DMA1_CPAR4 dma1::ch::par::PARrs
    DMA1_CMAR4 dma1::ch::mar::MARrs
    DMA1_CCR5 dma1::ch::cr::CRrs
    DMA1_CNDTR5 dma1::ch::ndtr::NDTRrs
    DMA1_CPAR5 dma1::ch::par::PARrs
    DMA1_CMAR5 dma1::ch::mar::MARrs
    DMA1_CSELR dma1::cselr::CSELRrs
    // CRC
    CRC_DR crc::dr::DRrs
    CRC_IDR crc::idr::IDRrs
    CRC_CR crc::cr::CRrs
    CRC_INIT crc::init::INITrs
    CRC_POL crc::pol::POLrs
    // TIM2
    TIM2_CR1 tim2::cr1::CR1rs
    TIM2_CR2 tim2::cr2::CR2rs
    TIM2_SMCR tim2::smcr::SMCRrs
    TIM2_DIER tim2::dier::DIERrs
    TIM2_SR tim2::sr::SRrs
    TIM2_EGR tim2::egr::EGRrs
    TIM2_CCMR1 tim2::ccmr1_input::CCMR1_INPUTrs
    TIM2_CCMR2 tim2::ccmr2_input::CCMR2_INPUTrs
    TIM2_CCER tim2::ccer::CCERrs
    TIM2_CNT tim2::cnt::CNTrs
    TIM2_PSC tim2::psc::PSCrs
    TIM2_ARR tim2::arr::ARRrs
    TIM2_CCR1 tim2::ccr::CCRrs
    TIM2_CCR2 tim2::ccr::CCRrs
    TIM2_CCR3 tim2::ccr::CCRrs
    TIM2_CCR4 tim2::ccr::CCRrs
    TIM2_DCR tim2::dcr::DCRrs
    TIM2_DMAR tim2::dmar::DMARrs
    TIM2_OR tim2::or::ORrs
    // TIM21
    TIM21_CR1 tim21::cr1::CR1rs
    TIM21_CR2 tim21::cr2::CR2rs
    TIM21_SMCR tim21::smcr::SMCRrs
    TIM21_DIER tim21::dier::DIERrs
    TIM21_SR tim21::sr::SRrs
    TIM21_EGR tim21::egr::EGRrs
    TIM21_CCMR1 tim21::ccmr1_input::CCMR1_INPUTrs
    TIM21_CCER tim21::ccer::CCERrs
    TIM21_CNT tim21::cnt::CNTrs
    TIM21_PSC tim21::psc::PSCrs
    TIM21_ARR tim21::arr::ARRrs
    TIM21_CCR1 tim21::ccr::CCRrs
    TIM21_CCR2 tim21::ccr::CCRrs
    TIM21_OR tim21::or::ORrs
    // LPTIM1
    LPTIM1_ISR lptim::isr::ISRrs
    LPTIM1_ICR lptim::icr::ICRrs
    LPTIM1_IER lptim::ier::IERrs
    LPTIM1_CFGR lptim::cfgr::CFGRrs
    LPTIM1_CR lptim::cr::CRrs
    LPTIM1_CMP lptim::cmp::CMPrs
    LPTIM1_ARR lptim::arr::ARRrs
    LPTIM1_CNT lptim::cnt::CNTrs
    // RTC
    RTC_TR rtc::tr::TRrs
    RTC_DR rtc::dr::DRrs
    RTC_CR rtc::cr::CRrs
    RTC_ISR rtc::isr::ISRrs
    RTC_PRER rtc::prer::PRERrs
    RTC_WUTR rtc::wutr::WUTRrs
    RTC_ALRMAR rtc::alrmr::ALRMRrs
    RTC_ALRMBR rtc::alrmr::ALRMRrs
    RTC_WPR rtc::wpr::WPRrs
    RTC_SSR rtc::ssr::SSRrs
    RTC_SHIFTR rtc::shiftr::SHIFTRrs
    RTC_TSTR rtc::tr::TRrs
    RTC_TSDR rtc::dr::DRrs
    RTC_TSSSR rtc::ssr::SSRrs
    RTC_CALR rtc::calr::CALRrs
    RTC_TAMPCR rtc::tampcr::TAMPCRrs
    RTC_ALRMASSR rtc::alrmssr::ALRMSSRrs
    RTC_ALRMBSSR rtc::alrmssr::ALRMSSRrs
    RTC_OR rtc::or::ORrs
    RTC_BKP0R rtc::bkpr::BKPRrs
    RTC_BKP1R rtc::bkpr::BKPRrs
    RTC_BKP2R rtc::bkpr::BKPRrs
    RTC_BKP3R rtc::bkpr::BKPRrs
    RTC_BKP4R rtc::bkpr::BKPRrs
    // WWDG
    WWDG_CR wwdg::cr::CRrs
    WWDG_CFR wwdg::cfr::CFRrs
    WWDG_SR wwdg::sr::SRrs
    // IWDG
    IWDG_KR iwdg::kr::KRrs
    IWDG_PR iwdg::pr::PRrs
    IWDG_RLR iwdg::rlr::RLRrs
    IWDG_SR iwdg::sr::SRrs
    IWDG_WINR iwdg::winr::WINRrs
    // ADC
    ADC_ISR adc::isr::ISRrs
    ADC_IER adc::ier::IERrs
    ADC_CR adc::cr::CRrs
    ADC_CFGR1 adc::cfgr1::CFGR1rs
    ADC_CFGR2 adc::cfgr2::CFGR2rs
    ADC_SMPR adc::smpr::SMPRrs
    ADC_TR adc::tr::TRrs
    ADC_CHSELR adc::chselr::CHSELRrs
    ADC_DR adc::dr::DRrs
    ADC_CALFACT adc::calfact::CALFACTrs
    ADC_CCR adc::ccr::CCRrs
    // USART2
    USART2_CR1 usart1::cr1::CR1rs
    USART2_CR2 usart1::cr2::CR2rs
    USART2_CR3 usart1::cr3::CR3rs
    USART2_BRR usart1::brr::BRRrs
    USART2_GTPR usart1::gtpr::GTPRrs
    USART2_RTOR usart1::rtor::RTORrs
    USART2_RQR usart1::rqr::RQRrs
    USART2_ISR usart1::isr::ISRrs
    USART2_ICR usart1::icr::ICRrs
    USART2_RDR usart1::rdr::RDRrs
    USART2_TDR usart1::tdr::TDRrs
    // LPUART1
    LPUART1_CR1 lpuart1::cr1::CR1rs
    LPUART1_CR2 lpuart1::cr2::CR2rs
    LPUART1_CR3 lpuart1::cr3::CR3rs
    LPUART1_BRR lpuart1::brr::BRRrs
    LPUART1_RQR lpuart1::rqr::RQRrs
    LPUART1_ISR lpuart1::isr::ISRrs
    LPUART1_ICR lpuart1::icr::ICRrs
    LPUART1_RDR lpuart1::rdr::RDRrs
    LPUART1_TDR lpuart1::tdr::TDRrs
    // I2C1
    I2C1_CR1 i2c1::cr1::CR1rs
    I2C1_CR2 i2c1::cr2::CR2rs
    I2C1_OAR1 i2c1::oar1::OAR1rs
    I2C1_OAR2 i2c1::oar2::OAR2rs
    I2C1_TIMINGR i2c1::timingr::TIMINGRrs
    I2C1_TIMEOUTR i2c1::timeoutr::TIMEOUTRrs
    I2C1_ISR i2c1::isr::ISRrs
    I2C1_ICR i2c1::icr::ICRrs
    I2C1_PECR i2c1::pecr::PECRrs
    I2C1_RXDR i2c1::rxdr::RXDRrs
    I2C1_TXDR i2c1::txdr::TXDRrs
    // SPI1
    SPI1_CR1 spi1::cr1::CR1rs
    SPI1_CR2 spi1::cr2::CR2rs
    SPI1_SR spi1::sr::SRrs
    SPI1_DR spi1::dr::DRrs
    SPI1_CRCPR spi1::crcpr::CRCPRrs
    SPI1_RXCRCR spi1::rxcrcr::RXCRCRrs
    SPI1_TXCRCR spi1::txcrcr::TXCRCRrs
    // GPIOA
    GPIOA_MODER gpioa::moder::MODERrs
    GPIOA_OTYPER gpioa::otyper::OTYPERrs
    GPIOA_OSPEEDR gpioa::ospeedr::OSPEEDRrs
    GPIOA_PUPDR gpioa::pupdr::PUPDRrs
    GPIOA_IDR gpioa::idr::IDRrs
    GPIOA_ODR gpioa::odr::ODRrs
    GPIOA_BSRR gpioa::bsrr::BSRRrs
    GPIOA_LCKR gpioa::lckr::LCKRrs
    GPIOA_AFRL gpioa::afrl::AFRLrs
    GPIOA_AFRH gpioa::afrh::AFRHrs
    GPIOA_BRR gpioa::brr::BRRrs
    // GPIOB
    GPIOB_MODER gpiob::moder::MODERrs
    GPIOB_OTYPER gpioa::otyper::OTYPERrs
    GPIOB_OSPEEDR gpiob::ospeedr::OSPEEDRrs
    GPIOB_PUPDR gpiob::pupdr::PUPDRrs
    GPIOB_IDR gpioa::idr::IDRrs
    GPIOB_ODR gpioa::odr::ODRrs
    GPIOB_BSRR gpioa::bsrr::BSRRrs
    GPIOB_LCKR gpioa::lckr::LCKRrs
    GPIOB_AFRL gpioa::afrl::AFRLrs
    GPIOB_AFRH gpioa::afrh::AFRHrs
    GPIOB_BRR gpioa::brr::BRRrs
    // GPIOC
    GPIOC_MODER gpiob::moder::MODERrs
    GPIOC_OTYPER gpioa::otyper::OTYPERrs
    GPIOC_OSPEEDR gpiob::ospeedr::OSPEEDRrs
    GPIOC_PUPDR gpiob::pupdr::PUPDRrs
    GPIOC_IDR gpioa::idr::IDRrs
    GPIOC_ODR gpioa::odr::ODRrs
    GPIOC_BSRR gpioa::bsrr::BSRRrs
    GPIOC_LCKR gpioa::lckr::LCKRrs
    GPIOC_AFRL gpioa::afrl::AFRLrs
    GPIOC_AFRH gpioa::afrh::AFRHrs
    GPIOC_BRR gpioa::brr::BRRrs
    };
    let mut wrong = Vec::new();
    for (name, theirs) in theirs {
        let ours = PERIPHERALS
            .iter()
            .flat_map(|p| p.registers)
            .find(|r| r.to_string() == name)
            .unwrap_or_else(|| panic!("no {name}"))
            .reset;
        let expected = DIFFERENCES.iter().find(|(differs, ..)| *differs == name);
        match expected {
            None if ours == theirs => {}
            Some((_, told, _)) if *told == theirs && ours != theirs => {}
            _ => wrong.push(format!("{name}: {ours:#x}, the file has {theirs:#x}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");

    let compared: Vec<_> = theirs.iter().map(|(name, _)| *name).collect();
    for (name, ..) in DIFFERENCES {
        assert!(compared.contains(name), "{name} differs from nothing");
    }
    for p in PERIPHERALS.iter().filter(|p| p.base < 0xe000_0000) {
        for r in p.registers {
            let name = r.to_string();
            // The file does not have the one register that the chip does not really have either.
            assert!(
                name == "RCC_CRRCR" || compared.contains(&name.as_str()),
                "{name} not compared"
            );
        }
    }
}

macro_rules! bases {
    ($($ours:literal $theirs:ident)+) => {
        [$(($ours, $theirs::PTR as usize)),+]
    };
}

#[test]
fn bases_are_those_of_the_register_file() {
    let theirs = bases! {
        "TIM2" TIM2
        "RTC" RTC
        "WWDG" WWDG
        "IWDG" IWDG
        "USART2" USART2
        "LPUART1" LPUART1
        "I2C1" I2C1
        "PWR" PWR
        "LPTIM1" LPTIM
        "SYSCFG" SYSCFG
        "EXTI" EXTI
        "TIM21" TIM21
        "ADC" ADC
        "SPI1" SPI1
        "DBGMCU" DBG
        "DMA1" DMA1
        "RCC" RCC
        "FLASH" FLASH
        "CRC" CRC
        "GPIOA" GPIOA
        "GPIOB" GPIOB
        "GPIOC" GPIOC
    };
    for (name, base) in theirs {
        let base = u32::try_from(base).unwrap();
        assert_eq!(registers::peripheral(base).map(|p| (p.name, p.base)), Some((name, base)));
    }
    let ours = PERIPHERALS.iter().filter(|p| p.base < 0xe000_0000).count();
    assert_eq!(ours, theirs.len());
}

//! The register map against two descriptions of the chip that were made independently of each other.
//!
//! `stm32l0` is generated from ST's register file (SVD) of the family STM32L0x1, with the community's
//! patches; `stm32-metapac` from hand-kept register blocks, ST's headers and CubeMX. The first knows reset
//! values, the second this very chip and its bits. Neither knows which bits of a shared block the chip
//! lacks, so those differences are named one by one.

mod chip;
mod metapac;
mod svd;

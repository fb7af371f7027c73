//! Views of a run: the same timeline and verdict for a person and for a program.

pub mod cases;
pub mod compare;
mod device;
pub mod json;
pub mod text;
pub mod thinnest;

//! Whole calls through the exchange, in virtual time: bytes in and bytes out.

pub mod city;
pub mod lines;
pub mod peers;

mod answers;
mod calls;
mod carriers;
mod leaders;
mod linked;
mod losses;
mod origins;
mod passing;
mod quest;
mod records;
mod room;
mod running;
mod seats;
mod second_line;
mod storm;
mod transfers;

//! What becomes of recordings when their time is over: nothing, until two people have said so; and then
//! just what they have said, provably (R69, R70).

mod clock;
mod crash;
mod story;
mod yard;

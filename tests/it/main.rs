mod call;
mod call_chance;
mod call_glare;
mod call_queue;
mod call_seat;
mod call_table;
mod call_waiting;

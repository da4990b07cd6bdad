//! A read model is built anew beside the live one and takes its place: nobody reads less, nothing is applied twice or lost.

mod ground;
mod held_up;
mod kills;
mod measured;
mod meets;
mod reader;
mod swaps;
mod versions;

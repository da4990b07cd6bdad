use annals_macros::Event;

#[derive(Event)]
#[event(
    retired(name = "$account-moved", into = nothing),
    retired(name = "", into = nothing),
    retired(name = "account\nmoved", into = nothing)
)]
enum AccountEvent {
    #[event(name = "account-closed")]
    Closed,
}

fn main() {}

use annals_macros::Event;

#[derive(Event)]
#[event(retired(name = "account-moved", version = 3, upcast = [one_to_two], into = nothing))]
enum AccountEvent {
    #[event(name = "account-closed")]
    Closed,
}

fn main() {}

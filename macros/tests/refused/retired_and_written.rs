use annals_macros::Event;

#[derive(Event)]
#[event(retired(name = "account-opened", into = nothing))]
enum AccountEvent {
    #[event(name = "account-opened")]
    Opened,
}

fn main() {}

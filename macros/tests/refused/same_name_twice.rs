use annals_macros::Event;

#[derive(Event)]
enum AccountEvent {
    #[event(name = "account-opened")]
    Opened,
    #[event(name = "account-opened")]
    Closed,
}

fn main() {}

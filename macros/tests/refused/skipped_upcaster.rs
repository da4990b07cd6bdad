use annals_macros::Event;

fn one_to_two(old: String) -> String {
    old
}

#[derive(Event)]
enum AccountEvent {
    #[event(name = "account-opened", version = 3, upcast = [one_to_two])]
    Opened { owner: String },
}

fn main() {}

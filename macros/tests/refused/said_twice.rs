use annals_macros::Event;

#[derive(Event)]
#[event(crate = first, crate = second)]
enum Library {
    #[event(name = "noted")]
    Noted,
}

#[derive(Event)]
#[event(retired(name = "told", into = nothing, into = something))]
enum Retired {
    #[event(name = "noted")]
    Noted,
}

#[derive(Event)]
enum Variants {
    #[event(name = "opened", name = "begun")]
    Opened,
    #[event(name = "closed", version = 2)]
    #[event(version = 3)]
    Closed,
    #[event(name = "moved", upcast = [], upcast = [])]
    Moved,
}

fn main() {}

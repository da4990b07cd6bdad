//! Arrows and the circles they make.

use std::collections::BTreeSet;
use std::fmt;

/// One part needs another, and where the source says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: String,
    pub(super) to: String,
    /// File and line.
    pub(super) place: String,
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> {}", self.place, self.from, self.to)
    }
}

/// Returns a circle for each part that can reach itself and stands in no circle found before.
pub(super) fn circles(edges: &[Edge]) -> Vec<Vec<&Edge>> {
    let parts: BTreeSet<&str> = edges.iter().map(|edge| edge.from.as_str()).collect();
    let mut found: Vec<Vec<&Edge>> = Vec::new();
    for part in parts {
        let known = found.iter().flatten().any(|edge| edge.from == part);
        if let Some(circle) = (!known).then(|| way(edges, part, part)).flatten() {
            found.push(circle);
        }
    }
    found
}

/// Returns a shortest way from one part to another, of at least one arrow.
fn way<'e>(edges: &'e [Edge], from: &str, to: &str) -> Option<Vec<&'e Edge>> {
    let mut ways: Vec<Vec<&Edge>> =
        edges.iter().filter(|edge| edge.from == from).map(|edge| vec![edge]).collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut next = 0;
    while next < ways.len() {
        let way = ways[next].clone();
        next += 1;
        let end = way.last().expect("a way has an arrow").to.as_str();
        if end == to {
            return Some(way);
        }
        if seen.insert(end) {
            ways.extend(
                edges.iter().filter(|edge| edge.from == end).map(|edge| [way.clone(), vec![edge]].concat()),
            );
        }
    }
    None
}

/// Tells a circle as a text, an arrow a line.
pub(super) fn told(circle: &[&Edge]) -> String {
    let arrows: Vec<String> = circle.iter().map(|edge| format!("  {edge}")).collect();
    format!("a circle:\n{}", arrows.join("\n"))
}

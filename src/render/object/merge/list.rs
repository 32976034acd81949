//! Lists that are merged element by element.
use super::{DIRECTIVE, Directive, walk};
use crate::render::{
    node::{Map, Node, Scalar},
    object::schema::Type,
};
use smol_str::SmolStr;
use std::collections::{HashMap, HashSet};

/// Most elements of two lists that are merged although their keys do not tell them apart, each being compared with all.
const MAX_ELEMENTS: usize = 4_096;

/// A list whose elements are merged: by keys, or as a set of plain values.
pub(super) fn walk_list(
    target: Option<Node>,
    patch: Option<&Node>,
    keys: &[String],
    of: Type<'_>,
) -> Result<Option<Node>, String> {
    let (list, patch) = match (target, patch) {
        (Some(Node::List(list)), None) => (list, None),
        (Some(Node::List(list)), Some(Node::List(patch))) => {
            let (directive, patch) = list_directive(patch)?;
            match directive {
                Directive::Delete => return Ok(None),
                Directive::Replace => (patch.clone(), Some(patch)),
                Directive::Merge => (list, Some(patch)),
            }
        }
        (Some(Node::List(_)), Some(_)) | (_, None) => return Ok(None),
        (_, Some(Node::List(patch))) => (patch.clone(), Some(patch.clone())),
        (_, Some(_)) => return Ok(None),
    };
    let primitive = [String::new()];
    let keys = if keys.is_empty() { &primitive } else { keys };
    if let Some(tuples) = Unique::of(keys, &list, patch.as_deref().unwrap_or_default()) {
        return tuples.merge(list, patch.as_deref().unwrap_or_default(), of).map(|list| Some(Node::List(list)));
    }
    merge_any(list, patch.as_deref(), keys, of).map(|list| Some(Node::List(list)))
}

/// Merges lists whatever their elements are.
fn merge_any(mut list: Vec<Node>, patch: Option<&[Node]>, keys: &[String], of: Type<'_>) -> Result<Vec<Node>, String> {
    if list.len() + patch.map_or(0, <[Node]>::len) > MAX_ELEMENTS {
        return Err(format!(": a list of more than {MAX_ELEMENTS} elements that do not each have keys of their own"));
    }
    let mut all = values(keys, patch, &list);
    if keys.len() > 1 {
        complete(&mut all);
    }
    let mut added: Vec<Node> = Vec::new();
    let mut valid = Vec::new();
    for tuple in &all {
        let (keys, tuple) = valid_keys(&all, tuple, keys);
        let (keys, tuple) = (keys.as_slice(), tuple.as_slice());
        let own = position(&list, keys, tuple);
        let new = patch.as_ref().and_then(|patch| Some(&patch[position(patch, keys, tuple)?]));
        let value = walk(own.map(|own| list[own].clone()), new, of)?;
        match value.filter(|value| !is_empty_map(value)) {
            None => set_element(&mut list, None, keys, tuple),
            Some(mut value) => {
                if let Node::Map(map) = &mut value {
                    for (key, text) in keys.iter().zip(tuple) {
                        if !text.is_empty() && !map.contains(key) {
                            map.push(Scalar::key(key), Node::Scalar(Scalar::plain(text)));
                        }
                    }
                }
                // What would replace an element gets lost: the element comes back with the rest of the list.
                let replaces = new.and_then(|new| new.get(DIRECTIVE)).and_then(Node::text) == Some("replace");
                if let Some(own) = own.filter(|_| !replaces) {
                    list[own] = value.clone();
                }
                set_element(&mut added, Some(&value), keys, tuple);
            }
        }
        valid = keys.to_vec();
    }
    Ok(if all.is_empty() { list } else { appended(added, list, &valid) })
}

/// What an element of the patch that holds nothing but a directive says of the whole list, and the other elements.
fn list_directive(patch: &[Node]) -> Result<(Directive, Vec<Node>), String> {
    let holds = |element: &&Node| element.get(DIRECTIVE).is_some();
    let lone = patch.iter().find(holds).and_then(Node::as_map).filter(|map| map.len() == 1);
    let Some(text) = lone.and_then(|map| map.get(DIRECTIVE)).and_then(Node::text) else {
        return Ok((Directive::Merge, patch.to_vec()));
    };
    let directive = Directive::read(text)?;
    let mut rest = patch.to_vec();
    set_element(&mut rest, None, &[DIRECTIVE.to_owned()], &[SmolStr::new(text)]);
    Ok((directive, rest))
}

type Tuple = Vec<SmolStr>;

/// Lists of which every element has all of the keys, and no other element of its list has the same: most lists there are.
/// Merging them needs no more than finding each element's like.
struct Unique {
    /// Whether elements that are laid over their like stay where the target has them: lists with several keys.
    keeps_places: bool,
    /// The places of the target's elements, by their keys.
    target: HashMap<Tuple, usize>,
    /// The keys of the patch's elements, in their order.
    patch: Vec<Tuple>,
}

impl Unique {
    fn of(keys: &[String], target: &[Node], patch: &[Node]) -> Option<Self> {
        let tuple = |element: &Node| -> Option<Tuple> {
            let texts: Tuple = match element {
                Node::Scalar(scalar) if keys[0].is_empty() => vec![scalar.text.clone()],
                Node::Map(map) if !keys[0].is_empty() && !map.contains(DIRECTIVE) => {
                    let text =
                        |key: &String| Some(map.get(key)?.as_scalar().filter(|key| !key.is_null())?.text.clone());
                    keys.iter().map(text).collect::<Option<_>>()?
                }
                Node::Scalar(_) | Node::Map(_) | Node::List(_) => return None,
            };
            (!element.is_null() && texts.iter().all(|text| !text.is_empty())).then_some(texts)
        };
        let target: Vec<Tuple> = target.iter().map(tuple).collect::<Option<_>>()?;
        let patch: Vec<Tuple> = patch.iter().map(tuple).collect::<Option<_>>()?;
        let is_unique = |tuples: &[Tuple]| tuples.iter().collect::<HashSet<_>>().len() == tuples.len();
        let has_any = !(target.is_empty() && patch.is_empty());
        (has_any && is_unique(&target) && is_unique(&patch)).then(|| Self {
            keeps_places: keys.len() > 1,
            target: target.into_iter().zip(0..).collect(),
            patch,
        })
    }

    /// The patch's elements, each laid over its like, then the rest of the target's.
    fn merge(&self, target: Vec<Node>, patch: &[Node], of: Type<'_>) -> Result<Vec<Node>, String> {
        let mut target: Vec<Option<Node>> = target.into_iter().map(Some).collect();
        let mut merged = Vec::with_capacity(target.len() + patch.len());
        let mut in_place: Vec<Option<Node>> = vec![None; target.len()];
        for (tuple, new) in self.patch.iter().zip(patch) {
            let at = self.target.get(tuple).copied();
            let value = walk(at.and_then(|at| target[at].take()), Some(new), of)?;
            match at {
                Some(at) if self.keeps_places => in_place[at] = value,
                Some(_) | None => merged.extend(value),
            }
        }
        for (own, laid_over) in target.into_iter().zip(in_place) {
            match own {
                Some(own) => merged.extend(walk(Some(own), None, of)?),
                None => merged.extend(laid_over),
            }
        }
        merged.retain(|element| !is_empty_map(element));
        Ok(merged)
    }
}

/// The tuples of keys of all elements, each once: those of the patch, then those of the target.
fn values(keys: &[String], patch: Option<&[Node]>, target: &[Node]) -> Vec<Tuple> {
    let mut found: Vec<Tuple> = Vec::new();
    for element in patch.unwrap_or_default().iter().chain(target) {
        let tuple: Tuple = if keys[0].is_empty() {
            vec![element.text().map(SmolStr::new).unwrap_or_default()]
        } else {
            keys.iter().map(|key| key_text(element, key)).collect()
        };
        if !found.contains(&tuple) {
            found.push(tuple);
        }
    }
    found
}

/// The text under a key; "" where there is none, or an empty value.
fn key_text(element: &Node, key: &str) -> SmolStr {
    element.get(key).filter(|value| !value.is_null()).and_then(Node::text).map(SmolStr::new).unwrap_or_default()
}

/// Fills in the keys that tuples lack with those of tuples that are otherwise the same.
fn complete(all: &mut [Tuple]) {
    for first in 0..all.len() {
        for second in 0..all.len() {
            if let Some(both) = matched(&all[first], &all[second]) {
                all[first].clone_from(&both);
                all[second] = both;
            }
        }
    }
}

/// The one tuple that two are: they agree somewhere, and where they do not, one has nothing.
fn matched(a: &[SmolStr], b: &[SmolStr]) -> Option<Tuple> {
    let agrees = a.iter().zip(b).any(|(a, b)| a == b);
    let both = a.iter().zip(b).map(|(a, b)| match (a.is_empty(), b.is_empty()) {
        (true, _) => Some(b.clone()),
        (false, true) => Some(a.clone()),
        (false, false) => (a == b).then(|| a.clone()),
    });
    both.collect::<Option<Tuple>>().filter(|_| agrees)
}

/// The keys that any tuple has, and this tuple's values of them.
fn valid_keys(all: &[Tuple], tuple: &[SmolStr], keys: &[String]) -> (Vec<String>, Tuple) {
    let used: Vec<bool> = (0..keys.len()).map(|at| all.iter().any(|tuple| !tuple[at].is_empty())).collect();
    if !used.contains(&true) {
        return (keys.to_vec(), tuple.to_vec());
    }
    let is_used = |at: &usize| used[*at];
    let at: Vec<usize> = (0..keys.len()).filter(is_used).collect();
    (at.iter().map(|at| keys[*at].clone()).collect(), at.iter().map(|at| tuple[*at].clone()).collect())
}

/// The element that has all of a tuple's own values.
fn position(list: &[Node], keys: &[String], tuple: &[SmolStr]) -> Option<usize> {
    if keys[0].is_empty() {
        return list.iter().position(|element| element.text().unwrap_or_default() == tuple[0]);
    }
    // Keys of which the tuple has nothing do not count, unless it has nothing at all.
    let has_any = tuple.iter().any(|text| !text.is_empty());
    let counts = |text: &SmolStr| !has_any || !text.is_empty();
    list.iter().position(|element| {
        element.as_map().is_some_and(|map| {
            let mut pairs = keys.iter().zip(tuple).filter(|(_, text)| counts(text));
            pairs.all(|(key, text)| map.get(key).is_some_and(|value| value.text().unwrap_or_default() == text))
        })
    })
}

fn is_empty_map(node: &Node) -> bool {
    node.is_null() || node.as_map().is_some_and(Map::is_empty)
}

/// Replaces the elements that have the values of a tuple, or removes them; adds the element where there is none.
///
/// A tuple that is shorter than the keys fits no element, and an empty one removes all. Empty elements are dropped.
fn set_element(list: &mut Vec<Node>, element: Option<&Node>, keys: &[String], tuple: &[SmolStr]) {
    let is_keyed = !keys[0].is_empty() && tuple.first().is_some_and(|text| !text.is_empty());
    let has = |node: &Node, key: &str, text: &SmolStr| {
        if key.is_empty() {
            return node.as_scalar().is_some_and(|scalar| scalar.text == *text);
        }
        let value = node.get(key);
        value.is_some_and(|value| text.is_empty() || value.text().unwrap_or_default() == text)
    };
    let mut found = false;
    let mut kept = Vec::with_capacity(list.len() + 1);
    for old in list.drain(..) {
        if is_empty_map(&old) {
            continue;
        }
        if is_keyed && old.as_map().is_none() {
            kept.push(old);
            continue;
        }
        let fits = !tuple.is_empty() && keys.iter().zip(tuple).all(|(key, text)| has(&old, key, text));
        if !fits {
            if !tuple.is_empty() {
                kept.push(old);
            }
            continue;
        }
        found = true;
        kept.extend(element.cloned());
    }
    kept.extend(element.filter(|element| !found && !element.is_null()).cloned());
    *list = kept;
}

/// Adds the elements of the target to those that were merged; each takes the place of its like.
fn appended(mut merged: Vec<Node>, target: Vec<Node>, keys: &[String]) -> Vec<Node> {
    for element in target {
        if keys[0].is_empty() {
            let text = element.text().map(SmolStr::new).unwrap_or_default();
            set_element(&mut merged, Some(&element), keys, &[text]);
            continue;
        }
        let mut tuple = Tuple::new();
        for key in keys {
            match element.get(key) {
                Some(value) => tuple.push(value.text().map(SmolStr::new).unwrap_or_default()),
                None => merged.push(element.clone()),
            }
        }
        if keys.len() > 1 {
            set_element(&mut merged, None, keys, &tuple);
        }
        set_element(&mut merged, Some(&element), keys, &tuple);
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{node, object::schema::Schema};
    use proptest::prelude::*;

    fn list(elements: &[String]) -> Vec<Node> {
        match node::one(&format!("[{}]", elements.join(", "))) {
            Ok(Some(Node::List(list))) => list,
            other => panic!("{elements:?}: {other:?}"),
        }
    }

    /// Elements by name, all different; some hold nothing more, some lists of their own.
    fn elements() -> impl Strategy<Value = Vec<String>> {
        let ports = "(ports: \\[\\{containerPort: [1-9], protocol: (TCP|UDP)\\}(, \\{containerPort: 1[0-9], protocol: TCP\\}){0,2}\\]|image: [ab]|image: null|env: \\[\\{name: [xy], value: a\\}\\])";
        proptest::collection::btree_map("[a-h]", ports, 0..6)
            .prop_map(|map| map.into_iter().map(|(name, rest)| format!("{{name: {name}, {rest}}}")).collect::<Vec<_>>())
            .prop_shuffle()
    }

    /// Ports, all different by both of their keys.
    fn ports() -> impl Strategy<Value = Vec<String>> {
        let rest = "(, name: [pq]|, hostPort: [1-9]|, name: null)?";
        let ports = proptest::collection::btree_map(("[1-4]", "(TCP|UDP)"), rest, 0..6);
        let ports = ports.prop_map(|map| {
            let port = |((port, protocol), rest)| format!("{{containerPort: {port}, protocol: {protocol}{rest}}}");
            map.into_iter().map(port).collect::<Vec<_>>()
        });
        ports.prop_shuffle()
    }

    fn merges_as_any_other(of: Type<'_>, target: &[String], patch: &[String]) -> Result<(), TestCaseError> {
        let keys = of.merge_keys().expect("keys").to_vec();
        let (target, patch) = (list(target), list(patch));
        if let Some(unique) = Unique::of(&keys, &target, &patch) {
            let fast = unique.merge(target.clone(), &patch, of.elements());
            prop_assert_eq!(fast, merge_any(target, Some(&patch), &keys, of.elements()));
        } else {
            prop_assert!(target.is_empty() && patch.is_empty());
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn lists_with_two_keys_are_merged_as_any_other(target in ports(), patch in ports()) {
            let schema = Schema::built_in();
            let of = schema.kind("v1", "Pod").field("spec").field("containers").elements().field("ports");
            merges_as_any_other(of, &target, &patch)?;
        }

        #[test]
        fn lists_with_keys_of_their_own_are_merged_as_any_other(target in elements(), patch in elements()) {
            let schema = Schema::built_in();
            let of = schema.kind("v1", "Pod").field("spec").field("containers");
            merges_as_any_other(of, &target, &patch)?;
        }
    }

    #[test]
    fn long_lists_are_merged_when_their_keys_tell_them_apart() {
        let keys = ["name".to_owned()];
        let of = Type::default();
        let long = |name: &dyn Fn(usize) -> String| -> Vec<Node> {
            list(&(0..=MAX_ELEMENTS).map(|at| format!("{{name: {}}}", name(at))).collect::<Vec<_>>())
        };
        let merged = |list: Vec<Node>| walk_list(Some(Node::List(list)), None, &keys, of);
        assert!(merged(long(&|at| format!("n{at}"))).is_ok());
        assert!(merged(long(&|_| "same".to_owned())).expect_err("too long").contains("more than"));
    }
}

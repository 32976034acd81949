//! Several doors made one state: whose each configuration is. Pure.
use super::{DesiredState, Problem, Reach};
use crate::model::{Door, configuration::ConfigurationId};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

/// What the doors hold together.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    /// What is wanted, each configuration by the one door that it belongs to.
    pub state: Arc<DesiredState>,
    /// The door of each configuration of the state.
    pub owners: BTreeMap<ConfigurationId, Door>,
    /// What a door states and another one owns, with the owner.
    pub refused: BTreeMap<(Door, ConfigurationId), Door>,
}

/// Makes one state of what each of several doors holds.
///
/// A configuration belongs to the door that it came in by before; else to the one by which the cluster's record
/// (`recorded`, of what was applied) says that it came in; else to the first that states it. An owner that gives a
/// configuration up hands it over to another door that states it, objects and all. What belongs to a door that is not
/// open here is refused, and left alone.
pub fn merge(
    doors: &[&DesiredState],
    before: &BTreeMap<ConfigurationId, Door>,
    recorded: impl Fn(&ConfigurationId) -> Option<Door>,
) -> Merged {
    let mut state = DesiredState::default();
    let mut merged = Merged::default();
    let stated: BTreeSet<&ConfigurationId> =
        doors.iter().flat_map(|door| door.configurations.iter().map(|one| &one.id).chain(&door.held)).collect();
    for id in stated {
        let claims: Vec<&&DesiredState> = doors.iter().filter(|door| door.states(id)).collect();
        let record = recorded(id);
        let owner = owner(id, &claims, doors, before.get(id), record.as_ref());
        match owner {
            Some(owner) => {
                match owner.configuration(id) {
                    Some(configuration) => state.configurations.push(Arc::clone(configuration)),
                    None => drop(state.held.insert(id.clone())),
                }
                merged.owners.insert(id.clone(), owner.door.clone());
            }
            None => {
                state.held.insert(id.clone());
                let of_files = claims.iter().filter(|claim| matches!(claim.door, Door::Files(_)));
                let refused = of_files.filter_map(|claim| claim.configuration(id)).map(Arc::clone);
                state.refused.extend(refused.zip(record.clone()));
            }
        }
        let name = owner.map(|owner| owner.door.clone()).or(record).unwrap_or_default();
        for other in claims.iter().filter(|other| other.door != name) {
            merged.refused.insert((other.door.clone(), id.clone()), name.clone());
        }
    }
    for door in doors {
        let may_go = |id: &&ConfigurationId| {
            !state.states(id) && recorded(id).is_none_or(|record| door.door.may_succeed(&record))
        };
        let leaving: Vec<ConfigurationId> = door.leaving.iter().filter(may_go).cloned().collect();
        state.leaving.extend(leaving);
        state.certain.extend(door.certain.clone());
        state.issues.extend(door.issues.iter().cloned());
    }
    let of_files = merged.refused.iter().filter(|((door, _), _)| matches!(door, Door::Files(_)));
    state.issues.extend(of_files.map(|((door, id), owner)| {
        Problem::new("", owned_elsewhere(id, owner)).hint(way_out(id)).of_object(&PathBuf::from(door.to_string()), id)
    }));
    state.issues.sort();
    merged.state = Arc::new(state);
    merged
}

fn owner<'a>(
    id: &ConfigurationId,
    claims: &[&&'a DesiredState],
    doors: &[&'a DesiredState],
    before: Option<&Door>,
    record: Option<&Door>,
) -> Option<&'a DesiredState> {
    let claimed_by =
        |is_it: &dyn Fn(&Door) -> bool| claims.iter().find(|claim| is_it(&claim.door)).map(|claim| **claim);
    let first = || claims.first().map(|claim| **claim);
    if let Some(stays) = before.and_then(|before| claimed_by(&|door| door == before)) {
        return Some(stays);
    }
    let Some(record) = record else { return first() };
    let is_given_up = before == Some(record)
        || doors.iter().any(|door| door.certain.get(record).is_some_and(|reach: &Reach| reach.covers(id)));
    claimed_by(&|door| door == record)
        .or_else(|| claimed_by(&|door| door.may_succeed(record)))
        .or_else(|| first().filter(|_| is_given_up))
}

/// Why a configuration is refused.
pub fn owned_elsewhere(id: &ConfigurationId, owner: &Door) -> String {
    match owner {
        Door::Files(paths) => format!("{id} is owned by the state file {paths}, which applied what there is of it"),
        Door::Cluster => {
            format!("{id} is owned by the custom resource of that name, which applied what there is of it")
        }
        Door::Azure(host) => {
            format!("{id} is owned by the configuration of that name at {host}, which applied what there is of it")
        }
        Door::Unknown => format!("{id} is owned by something else"),
    }
}

/// What to do about a configuration that is refused.
pub fn way_out(id: &ConfigurationId) -> String {
    format!(
        "state it in one place; to hand over what it applied, remove it there while the agent runs, or, where that agent is gone, annotate ConfigMap arcwright.{} in namespace {} with clusterconfig.azure.com/door=",
        id.name, id.namespace
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::configuration::Configuration;

    fn files() -> Door {
        Door::Files("/state.yaml".into())
    }

    fn id(name: &str) -> ConfigurationId {
        ConfigurationId { namespace: "apps".into(), name: name.into() }
    }

    fn holding(door: Door, names: &[&str]) -> DesiredState {
        let one = |name: &&str| Arc::new(Configuration { door: door.clone(), ..Configuration::gone(id(name)) });
        DesiredState {
            configurations: names.iter().map(one).collect(),
            certain: BTreeMap::from([(door.clone(), Reach::Everywhere)]),
            door,
            ..DesiredState::default()
        }
    }

    fn none(_: &ConfigurationId) -> Option<Door> {
        None
    }

    fn doors_of(merged: &Merged) -> Vec<(String, Door)> {
        let all = merged.state.configurations.iter();
        all.map(|one| (one.id.name.clone(), one.door.clone())).collect()
    }

    #[test]
    fn what_no_two_doors_state_comes_together() {
        let (file, cluster) = (holding(files(), &["a", "c"]), holding(Door::Cluster, &["b"]));
        let merged = merge(&[&file, &cluster], &BTreeMap::new(), none);
        let wanted = [("a", files()), ("b", Door::Cluster), ("c", files())];
        assert_eq!(doors_of(&merged), wanted.map(|(name, door)| (name.to_owned(), door)));
        assert!(merged.refused.is_empty() && merged.state.issues.is_empty());
        assert_eq!(merged.state.certain.len(), 2);
    }

    #[test]
    fn the_owner_stays_the_owner_and_the_other_is_refused_by_its_name() {
        let (file, cluster) = (holding(files(), &["a"]), holding(Door::Cluster, &["a"]));
        let first = merge(&[&file, &cluster], &BTreeMap::new(), none);
        assert_eq!(first.owners[&id("a")], files(), "of two new ones the first");
        let before = BTreeMap::from([(id("a"), Door::Cluster)]);
        let kept = merge(&[&file, &cluster], &before, none);
        assert_eq!(kept.owners[&id("a")], Door::Cluster);
        assert_eq!(kept.refused[&(files(), id("a"))], Door::Cluster);
        let issue = kept.state.issues[0].to_string();
        assert!(
            issue.contains("file:/state.yaml") && issue.contains("apps/a is owned by the custom resource"),
            "{issue}"
        );
        let recorded = merge(&[&file, &cluster], &BTreeMap::new(), |_| Some(Door::Cluster));
        assert_eq!(recorded.owners[&id("a")], Door::Cluster, "over a restart");
    }

    #[test]
    fn what_an_owner_gives_up_goes_over_to_the_door_that_states_it() {
        let (file, cluster) = (holding(files(), &[]), holding(Door::Cluster, &["a"]));
        let merged = merge(&[&file, &cluster], &BTreeMap::from([(id("a"), files())]), |_| Some(files()));
        assert_eq!(doors_of(&merged), [("a".to_owned(), Door::Cluster)]);
        let mut leaving = holding(Door::Cluster, &[]);
        leaving.leaving.insert(id("a"));
        let file = holding(files(), &["a"]);
        let merged = merge(&[&file, &leaving], &BTreeMap::from([(id("a"), Door::Cluster)]), |_| Some(Door::Cluster));
        assert_eq!(doors_of(&merged), [("a".to_owned(), files())]);
        assert!(merged.state.leaving.is_empty(), "nothing is deleted");
    }

    #[test]
    fn what_belongs_to_a_door_that_is_not_open_is_left_alone() {
        let mut cluster = holding(Door::Cluster, &["a"]);
        cluster.leaving.insert(id("b"));
        let merged = merge(&[&cluster], &BTreeMap::new(), |_| Some(files()));
        assert!(merged.state.configurations.is_empty() && merged.state.leaving.is_empty());
        assert_eq!(merged.refused[&(Door::Cluster, id("a"))], files());
        assert!(merged.state.held.contains(&id("a")), "nor cleared away");
    }

    #[test]
    fn a_door_that_is_not_known_yet_gives_nothing_up() {
        let (file, mut cluster) = (holding(files(), &["a"]), holding(Door::Cluster, &[]));
        cluster.certain.clear();
        let merged = merge(&[&file, &cluster], &BTreeMap::new(), |_| Some(Door::Cluster));
        assert!(merged.state.configurations.is_empty());
        assert_eq!(merged.state.refused[0].1, Door::Cluster);
        cluster.certain.insert(Door::Cluster, Reach::Namespaces(BTreeSet::from(["other".to_owned()])));
        let merged = merge(&[&file, &cluster], &BTreeMap::new(), |_| Some(Door::Cluster));
        assert!(merged.state.configurations.is_empty(), "nor outside of what it is for");
    }

    #[test]
    fn state_files_that_were_moved_keep_what_is_theirs() {
        let file = holding(files(), &["a"]);
        let merged = merge(&[&file], &BTreeMap::new(), |_| Some(Door::Files("/old.yaml".into())));
        assert_eq!(doors_of(&merged).len(), 1);
        assert!(merged.refused.is_empty());
    }
}

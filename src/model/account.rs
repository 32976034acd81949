//! In whose name the objects of a configuration are written.
use super::{
    FIELD_MANAGER,
    configuration::{ConfigurationId, Scope},
};
use std::fmt;

/// In whose name the objects of a configuration are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Account {
    /// The agent's own.
    #[default]
    Agent,
    /// A service account of the configuration's namespace, which somebody else makes and gives its rights.
    Given(String),
    /// A service account that is made for the configuration, with everything that its scope reaches.
    Own(Scope),
}

impl Account {
    /// Name of the service account in the configuration's namespace; none for the agent itself.
    pub fn name(&self, id: &ConfigurationId) -> Option<String> {
        match self {
            Self::Agent => None,
            Self::Given(name) => Some(name.clone()),
            Self::Own(_) => Some(Self::own_name(id)),
        }
    }

    /// Name of the service account that is made for a configuration, and of its binding.
    pub fn own_name(id: &ConfigurationId) -> String {
        format!("{FIELD_MANAGER}.{}", id.name)
    }

    /// What [`Account`]'s `Display` wrote; something else is the agent.
    pub fn recorded(text: &str) -> Self {
        match text {
            "" => Self::Agent,
            "own/cluster" => Self::Own(Scope::Cluster),
            "own/namespace" => Self::Own(Scope::Namespace),
            name => Self::Given(name.to_owned()),
        }
    }
}

/// For a record. No service account has a slash in its name.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agent => "",
            Self::Given(name) => name,
            Self::Own(Scope::Cluster) => "own/cluster",
            Self::Own(Scope::Namespace) => "own/namespace",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_read_back() {
        let own = [Scope::Cluster, Scope::Namespace].map(Account::Own);
        for account in own.into_iter().chain([Account::Agent, Account::Given("deployer".to_owned())]) {
            assert_eq!(Account::recorded(&account.to_string()), account);
        }
    }
}

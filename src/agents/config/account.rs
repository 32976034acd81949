//! In whose name the objects of each configuration are written.
use super::Context;
use crate::{
    cluster::{Applier, ClusterError},
    model::{
        Account,
        configuration::{Configuration, Engine},
    },
};

/// What the agent does with configurations that name no service account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccountPolicy {
    /// It writes their objects in its own name.
    #[default]
    Agent,
    /// It writes them in the name of this service account of their namespace, which somebody else makes.
    Default(String),
    /// It makes a service account for each, with the rights that its scope needs.
    Own,
}

impl AccountPolicy {
    /// In whose name the objects of a configuration are written.
    ///
    /// Operators and Flux controllers have accounts of their own, and are installed and told by the agent itself.
    pub fn of(&self, configuration: &Configuration) -> Account {
        match (&configuration.engine, self.given(configuration), self) {
            (Engine::FluxV1(_) | Engine::FluxV2(_) | Engine::FluxControllers, _, _)
            | (Engine::Native, None, Self::Agent | Self::Default(_)) => Account::Agent,
            (Engine::Native, Some(name), _) => Account::Given(name.to_owned()),
            (Engine::Native, None, Self::Own) => Account::Own(configuration.scope),
        }
    }

    /// The service account that a configuration names, or else the one for all that name none.
    pub fn given<'a>(&'a self, configuration: &'a Configuration) -> Option<&'a str> {
        let default = match self {
            Self::Default(name) => Some(name.as_str()),
            Self::Agent | Self::Own => None,
        };
        configuration.service_account.as_deref().or(default)
    }
}

/// Sees to the account of a configuration, and says what writes in its name. Costs requests only when the inventory has
/// another account on record, or the account was refused something.
///
/// # Errors
/// When the API server does not answer, or refuses to have the account made.
pub(super) async fn made_ready(ctx: &Context, configuration: &Configuration) -> Result<Applier, ClusterError> {
    let (id, accounts) = (&configuration.id, &ctx.cluster.accounts);
    let account = ctx.accounts.of(configuration);
    let recorded = ctx.cluster.inventories.account_of(id).await?;
    match (&account, &recorded) {
        (Account::Own(scope), recorded) if account != *recorded || accounts.is_doubted(id) => {
            accounts.make(id, *scope, recorded).await?;
        }
        (Account::Agent | Account::Given(_), recorded @ Account::Own(_)) => accounts.remove(id, recorded).await?,
        (Account::Own(_) | Account::Agent | Account::Given(_), _) => {}
    }
    Ok(ctx.cluster.applier_of(id, &account))
}

/// Removes the account that was made for a configuration that is gone.
///
/// # Errors
/// When the API server does not answer or refuses.
pub(super) async fn cleared(
    ctx: &Context,
    configuration: &Configuration,
    recorded: &Account,
) -> Result<(), ClusterError> {
    if matches!(recorded, Account::Own(_)) || ctx.accounts == AccountPolicy::Own {
        ctx.cluster.accounts.remove(&configuration.id, recorded).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{configuration::ConfigurationId, operator::Operator};

    #[test]
    fn a_named_account_comes_first_and_an_operator_is_installed_by_the_agent() {
        let id = ConfigurationId { namespace: "shop".to_owned(), name: "web".to_owned() };
        let plain = Configuration::gone(id);
        let named = Configuration { service_account: Some("deployer".to_owned()), ..plain.clone() };
        let operator = Operator { instance: "flux".to_owned(), paths: Vec::new(), arguments: Vec::new(), helm: None };
        let operator = Configuration { engine: Engine::FluxV1(Box::new(operator)), ..named.clone() };
        let given = |name: &str| Account::Given(name.to_owned());
        for (accounts, of_plain) in [
            (AccountPolicy::Agent, Account::Agent),
            (AccountPolicy::Default("flux".to_owned()), given("flux")),
            (AccountPolicy::Own, Account::Own(plain.scope)),
        ] {
            let all = [&plain, &named, &operator].map(|one| accounts.of(one));
            assert_eq!(all, [of_plain, given("deployer"), Account::Agent], "{accounts:?}");
        }
    }
}

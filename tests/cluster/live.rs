//! The cluster as a test sees it: reads and edits that go straight to the API server.
use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::GroupVersionKind,
};
use serde_json::Value;
use std::{future::Future, path::Path, sync::OnceLock};
use tokio::runtime::Runtime;

/// The runtime on which tests talk to servers.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        // An error means that a provider is installed already, which is as good.
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
    })
}

/// An admin's client of one API server, for code that does not await.
#[derive(Clone)]
pub(crate) struct Live(Client);

impl Live {
    /// Of the API server that a kubeconfig names.
    pub(crate) fn of(kubeconfig: &Path) -> Self {
        Self(runtime().block_on(async {
            let file = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
            let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
            Client::try_from(config.expect("a kubeconfig")).expect("a client")
        }))
    }

    /// Of the control plane that all tests share.
    pub(crate) fn shared() -> Self {
        static SHARED: OnceLock<Live> = OnceLock::new();
        SHARED.get_or_init(|| Self::of(crate::support::kubeconfig())).clone()
    }

    fn api(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        let (group, version) = match kind {
            "ValidatingWebhookConfiguration" => ("admissionregistration.k8s.io", "v1"),
            "Deployment" | "ReplicaSet" => ("apps", "v1"),
            "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => ("rbac.authorization.k8s.io", "v1"),
            "GitRepository" | "Bucket" | "OCIRepository" => ("source.toolkit.fluxcd.io", "v1"),
            "Kustomization" => ("kustomize.toolkit.fluxcd.io", "v1"),
            "FluxConfiguration" | "AzureClusterIdentityRequest" => ("clusterconfig.azure.com", "v1beta1"),
            "ConnectedCluster" => ("arc.azure.com", "v1beta1"),
            "CustomResourceDefinition" => ("apiextensions.k8s.io", "v1"),
            _ => ("", "v1"),
        };
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        if namespace.is_empty() {
            Api::all_with(self.0.clone(), &kind)
        } else {
            Api::namespaced_with(self.0.clone(), namespace, &kind)
        }
    }

    fn wait<T>(work: impl Future<Output = T>) -> T {
        runtime().block_on(work)
    }

    /// An object, if it is there.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub(crate) fn try_get(&self, kind: &str, namespace: &str, name: &str) -> kube::Result<Option<Value>> {
        let found = Self::wait(self.api(kind, namespace).get_opt(name))?;
        Ok(found.map(|object| serde_json::to_value(object).expect("an object is JSON")))
    }

    /// An object, if it is there.
    pub(crate) fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.try_get(kind, namespace, name).expect("the API server answers")
    }

    /// Names of the objects of a kind in a namespace that carry a label, sorted.
    pub(crate) fn names(&self, kind: &str, namespace: &str, label: &str) -> Vec<String> {
        let list = Self::wait(self.api(kind, namespace).list(&ListParams::default().labels(label)));
        let mut names: Vec<String> =
            list.expect("the API server answers").items.into_iter().filter_map(|one| one.metadata.name).collect();
        names.sort();
        names
    }

    /// Creates an object.
    pub(crate) fn create(&self, kind: &str, namespace: &str, object: Value) {
        self.try_create(kind, namespace, object).expect("created");
    }

    /// Changes an object by a merge patch, as the field manager `manager`.
    ///
    /// # Errors
    /// When the API server refuses, or the object is not there.
    pub(crate) fn try_edit(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        manager: &str,
        change: &Value,
    ) -> kube::Result<()> {
        let parameters = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        Self::wait(self.api(kind, namespace).patch(name, &parameters, &Patch::Merge(change))).map(drop)
    }

    /// Changes an object by a merge patch.
    pub(crate) fn edit(&self, kind: &str, namespace: &str, name: &str, change: &Value) {
        self.try_edit(kind, namespace, name, "somebody", change).expect("edited");
    }

    /// Creates an object, unless the API server refuses.
    ///
    /// # Errors
    /// When it refuses.
    pub(crate) fn try_create(&self, kind: &str, namespace: &str, object: Value) -> kube::Result<()> {
        let object: DynamicObject = serde_json::from_value(object).expect("an object");
        Self::wait(self.api(kind, namespace).create(&PostParams::default(), &object)).map(drop)
    }

    /// Changes the status of an object by a merge patch, as a controller would; nothing when it is not there any more.
    pub(crate) fn edit_status(&self, kind: &str, namespace: &str, name: &str, change: &Value) {
        let api = self.api(kind, namespace);
        let change = serde_json::json!({"status": change});
        let edited = Self::wait(api.patch_status(name, &PatchParams::default(), &Patch::Merge(&change)));
        let is_missing = matches!(&edited, Err(kube::Error::Api(status)) if status.code == 404);
        assert!(is_missing || edited.is_ok(), "{kind}/{name}: {edited:?}");
    }

    /// Deletes an object.
    pub(crate) fn delete(&self, kind: &str, namespace: &str, name: &str) {
        Self::wait(self.api(kind, namespace).delete(name, &DeleteParams::default())).expect("deleted");
    }
}

//! The limit: the same objects by server-side apply, as fast as a plain client can.
use crate::{report::Row, workload};
use futures::{StreamExt as _, stream};
use kube::{
    Api, Client,
    api::{DynamicObject, Patch, PatchParams},
    core::{ApiResource, GroupVersionKind},
};
use std::time::Instant;

/// Requests in flight at once.
const IN_FLIGHT: usize = 32;

/// Makes every namespace that the objects are in.
pub(crate) async fn make_namespaces(client: &Client) {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Namespace"));
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &kind);
    for name in workload::namespaces() {
        api.create(&kube::api::PostParams::default(), &DynamicObject::new(&name, &kind)).await.expect("a namespace");
    }
}

/// Applies the objects of `count` directories.
pub(crate) async fn apply(client: &Client, count: usize) -> Row {
    let objects: Vec<DynamicObject> = (0..count).flat_map(objects).collect();
    let row = Row::new("plain apply (limit)", objects.len());
    let start = Instant::now();
    let writes = objects.into_iter().map(|object| write(client, object));
    stream::iter(writes).buffer_unordered(IN_FLIGHT).collect::<Vec<()>>().await;
    Row { seconds: Some(start.elapsed().as_secs_f64()), ..row }
}

fn objects(index: usize) -> impl Iterator<Item = DynamicObject> {
    workload::objects(index).into_iter().map(|(_, text)| {
        let values = arcwright::yaml::read(&text).expect("YAML");
        serde_json::from_value(values.into_iter().next().expect("a document")).expect("an object")
    })
}

async fn write(client: &Client, object: DynamicObject) {
    let types = object.types.clone().expect("a kind");
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("", &types.api_version, &types.kind));
    let metadata = &object.metadata;
    let (name, namespace) = (metadata.name.clone().expect("a name"), metadata.namespace.clone().expect("a namespace"));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &kind);
    api.patch(&name, &PatchParams::apply("bench"), &Patch::Apply(&object)).await.expect("applied");
}

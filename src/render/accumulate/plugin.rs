//! Generators, transformers and validators that files of their own configure, of the kinds that are built in.
use super::{Build, fields::replacements, place::Target};
use crate::render::{
    error::RenderError,
    generate::{self, Kind, chart},
    helm,
    kustomization::{
        GeneratorArgs, HelmChart, HelmGlobals, Image, PatchField, ReplacementField, Replica, Selector, typed,
    },
    load::Files,
    node::{Dialect, Map, Node},
    object::{
        fieldspec::Spec,
        manifests,
        resource::{Provenance, Resource},
    },
    transform::{
        Transformer,
        accumulated::Accumulated,
        annotations::Annotations,
        images::Images,
        labels::Labels,
        name::{Name, Part},
        namespace::{Namespace, Subjects},
        patch::{Json6902, Patch, StrategicMerges},
        replicas::Replicas,
        value_add::{ValueAdd, ValueTarget},
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::sync::Arc;

impl Build<'_> {
    /// The configurations that a field holds or names.
    pub(super) fn plugins(
        &self,
        at: &Target<'_>,
        field: &str,
        entries: &[String],
    ) -> Result<Vec<Resource>, RenderError> {
        let mut accumulated = Accumulated::new();
        let mut named = Vec::new();
        for entry in entries {
            match manifests::read(entry, at.file) {
                Ok(mut inline) if !inline.is_empty() => {
                    if self.tells_provenance() {
                        let file = at.file.rsplit('/').next().unwrap_or_default();
                        let provenance = Arc::new(Provenance::file(at.origin.at(file)));
                        inline.iter_mut().for_each(|one| one.provenance = Some(provenance.clone()));
                    }
                    accumulated.append(inline, at.file)?;
                }
                Ok(_) | Err(_) => named.push(entry.clone()),
            }
        }
        self.resources(at, field, &named, &mut accumulated)?;
        Ok(accumulated.resources)
    }

    pub(super) fn plugin<'p>(&'p self, at: &Target<'p>, field: &'p str, config: &'p Resource) -> Plugin<'p> {
        Plugin { files: at.files(field), helm: &self.options.helm, config }
    }
}

/// A file that configures a plugin, and where it is.
pub(in crate::render) struct Plugin<'a> {
    pub(in crate::render) files: Files<'a>,
    pub(in crate::render) helm: &'a helm::Access,
    pub(in crate::render) config: &'a Resource,
}

/// What all of the configurations may say.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    metadata: Metadata,
    field_specs: Option<Vec<Spec>>,
    unset_only: bool,
    set_role_binding_subjects: Subjects,
    prefix: String,
    suffix: String,
    replica: Replica,
    image_tag: Image,
    paths: Vec<String>,
    patches: String,
    path: String,
    patch: String,
    json_op: String,
    target: Option<Selector>,
    options: std::collections::BTreeMap<String, bool>,
    replacements: Vec<ReplacementField>,
    value: String,
    targets: Vec<ValueTarget>,
    target_file_path: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
    namespace: String,
}

/// What an `IAMPolicyGenerator` says.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct IamPolicy {
    cloud: String,
    kubernetes_service: Metadata,
    service_account: CloudAccount,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CloudAccount {
    name: String,
    project_id: String,
}

impl Plugin<'_> {
    /// The transformers that it configures.
    ///
    /// # Errors
    /// When it is of no kind that is built in, or its configuration is wrong.
    pub(in crate::render) fn transformers(&self) -> Result<Vec<Transformer>, RenderError> {
        self.check_built_in()?;
        let kind = self.config.kind();
        if matches!(kind, "LabelTransformer" | "AnnotationsTransformer") {
            return self.texts(kind).map(|one| vec![one]);
        }
        let config: Config = self.read()?;
        let specs = config.field_specs.clone().unwrap_or_default();
        let needs_specs = || match &config.field_specs {
            Some(specs) => Ok(specs.clone()),
            None => Err(self.wrong("needs fieldSpecs")),
        };
        let prefix =
            || Ok(Transformer::Name(Name { part: Part::Prefix(config.prefix.clone()), specs: needs_specs()? }));
        let suffix =
            || Ok(Transformer::Name(Name { part: Part::Suffix(config.suffix.clone()), specs: needs_specs()? }));
        Ok(match kind {
            "PrefixTransformer" => vec![prefix()?],
            "SuffixTransformer" => vec![suffix()?],
            "PrefixSuffixTransformer" => vec![prefix()?, suffix()?],
            "HashTransformer" => vec![Transformer::Hash],
            "NamespaceTransformer" => vec![Transformer::Namespace(Namespace {
                name: config.metadata.namespace,
                specs,
                unset_only: config.unset_only,
                subjects: config.set_role_binding_subjects,
            })],
            "ReplicaCountTransformer" => vec![Transformer::Replicas(Replicas { replica: config.replica, specs })],
            "ImageTagTransformer" => {
                vec![Transformer::Images(Images::new(&self.files.place, config.image_tag, specs)?)]
            }
            "PatchStrategicMergeTransformer" => vec![self.strategic_merge(&config)?],
            "PatchTransformer" => {
                let field = PatchField {
                    path: config.path,
                    patch: config.patch,
                    target: config.target,
                    options: config.options,
                };
                vec![Transformer::Patch(Patch::new(
                    &self.files.place,
                    &field,
                    &self.files.text_or(&field.path, field.patch.trim())?,
                )?)]
            }
            "PatchJson6902Transformer" => {
                vec![Transformer::Json6902(Json6902::new(&self.files.place, config.target.as_ref(), || {
                    self.files.text_or(&config.path, &config.json_op)
                })?)]
            }
            "ReplacementTransformer" => {
                let all = replacements(&self.files, &config.replacements)?;
                vec![Transformer::Replacements(all)]
            }
            "ValueAddTransformer" => vec![self.value_add(config)?],
            other => return Err(self.wrong(&format!("{other} is no transformer"))),
        })
    }

    /// The objects that it generates, and how each is put among the others.
    ///
    /// # Errors
    /// When it is of no kind that is built in, or its configuration is wrong.
    pub(in crate::render) fn generate(&self) -> Result<Vec<(Resource, String)>, RenderError> {
        self.check_built_in()?;
        match self.config.kind() {
            "ConfigMapGenerator" => self.generated(Kind::ConfigMap),
            "SecretGenerator" => self.generated(Kind::Secret),
            "IAMPolicyGenerator" => Ok(vec![(self.iam_policy()?, String::new())]),
            "HelmChartInflationGenerator" => {
                let chart: HelmChart = self.read_without(&["chartHome", "configHome"])?;
                let globals: Globals = self.read()?;
                let globals = HelmGlobals { chart_home: globals.chart_home, config_home: globals.config_home };
                let made = chart::inflate(self.helm, &self.files, &globals, &chart)?;
                Ok(made.into_iter().map(|resource| (resource, String::new())).collect())
            }
            other => Err(self.wrong(&format!("{other} is no generator"))),
        }
    }

    fn wrong(&self, message: &str) -> RenderError {
        self.files.place.wrong(format!("{}: {message}", self.config.shown()))
    }

    fn check_built_in(&self) -> Result<(), RenderError> {
        if self.config.api_version() == "builtin" {
            return Ok(());
        }
        let message = format!("{} is not built in, and programs are not run", self.config.api_version());
        Err(self.wrong(&message))
    }

    fn value(&self) -> Result<serde_json::Map<String, Value>, RenderError> {
        self.config.object().to_object(Dialect::Manifest).map_err(|error| self.wrong(&error.to_string()))
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, RenderError> {
        typed(Value::Object(self.value()?)).map_err(|message| self.wrong(&message))
    }

    /// Reads it as something that knows only some of its fields.
    fn read_without<T: DeserializeOwned>(&self, fields: &[&str]) -> Result<T, RenderError> {
        let mut object = self.value()?;
        object.retain(|key, _| {
            !matches!(key.as_str(), "apiVersion" | "kind" | "metadata") && !fields.contains(&key.as_str())
        });
        typed(Value::Object(object)).map_err(|message| self.wrong(&message))
    }

    fn texts(&self, kind: &str) -> Result<Transformer, RenderError> {
        Ok(if kind == "LabelTransformer" {
            Transformer::Labels(self.read::<Labels>()?)
        } else {
            Transformer::Annotations(self.read::<Annotations>()?)
        })
    }

    fn strategic_merge(&self, config: &Config) -> Result<Transformer, RenderError> {
        if config.paths.is_empty() && config.patches.is_empty() {
            return Err(self.wrong("needs paths or patches"));
        }
        let mut all = self.files.resources(&config.paths)?;
        if !config.patches.is_empty() {
            let written = manifests::read(&config.patches, self.files.place.file)?;
            if written.is_empty() {
                return Err(self.files.place.wrong("the patches are empty"));
            }
            all.extend(written);
        }
        Ok(Transformer::StrategicMerge(StrategicMerges::new(&self.files.place, all)?))
    }

    fn value_add(&self, mut config: Config) -> Result<Transformer, RenderError> {
        #[derive(Deserialize)]
        struct Targets {
            #[serde(default)]
            targets: Vec<ValueTarget>,
        }
        if !config.target_file_path.is_empty() {
            let (_, found) = self.files.value(&config.target_file_path)?;
            let found: Targets = typed(found).map_err(|message| self.wrong(&message))?;
            config.targets.extend(found.targets);
        }
        let text = config.value.trim();
        let text = if text.is_empty() { self.files.directory.rsplit('/').next().unwrap_or_default() } else { text };
        Ok(Transformer::ValueAdd(ValueAdd::new(&self.files.place, text.to_owned(), config.targets)?))
    }

    fn generated(&self, kind: Kind) -> Result<Vec<(Resource, String)>, RenderError> {
        let mut args: GeneratorArgs = self.read_without(&[])?;
        let config: Config = self.read_metadata()?;
        if args.name.is_empty() {
            args.name = config.metadata.name;
        }
        if args.namespace.is_empty() {
            args.namespace = config.metadata.namespace;
        }
        // The old field counts only in kustomizations.
        args.env.clear();
        let made = generate::make(&self.files, kind, &args, None)?;
        Ok(vec![(made, args.behavior)])
    }

    fn read_metadata(&self) -> Result<Config, RenderError> {
        let mut object = self.value()?;
        object.retain(|key, _| key == "metadata");
        typed(Value::Object(object)).map_err(|message| self.wrong(&message))
    }

    /// A service account of Kubernetes that stands for one of a cloud.
    fn iam_policy(&self) -> Result<Resource, RenderError> {
        let policy: IamPolicy = self.read()?;
        if policy.cloud != "gke" {
            return Err(self.wrong("only the cloud gke is known"));
        }
        let CloudAccount { name, project_id } = &policy.service_account;
        let account = format!("{name}@{project_id}.iam.gserviceaccount.com");
        let mut object = Map::default();
        object.insert("apiVersion", Node::string("v1"));
        object.insert("kind", Node::string("ServiceAccount"));
        let metadata = object.map_at("metadata");
        metadata.map_at("annotations").insert("iam.gke.io/gcp-service-account", Node::string(account));
        metadata.insert("name", Node::string(policy.kubernetes_service.name));
        if !policy.kubernetes_service.namespace.is_empty() {
            metadata.insert("namespace", Node::string(policy.kubernetes_service.namespace));
        }
        Ok(Resource::new(object, &self.config.origin))
    }
}

/// What a `HelmChartInflationGenerator` says besides its chart.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Globals {
    chart_home: String,
    config_home: String,
}

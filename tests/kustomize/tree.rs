//! Small trees made at random, the same ones for the same seed.
use crate::Files;
use fastrand::Rng;

/// A base of some objects, an overlay, and sometimes one more above it.
pub(crate) fn made(seed: u64) -> Files {
    let mut maker = Maker { random: Rng::with_seed(seed), files: Vec::new() };
    maker.base();
    if maker.one_in(3) {
        maker.overlay("middle", "../base");
        maker.overlay(crate::TOP, "../middle");
    } else {
        maker.overlay(crate::TOP, "../base");
    }
    maker.files
}

struct Maker {
    random: Rng,
    files: Files,
}

/// Objects that are there in every tree, so that patches find them.
const ALWAYS: &str = "apiVersion: v1
kind: Service
metadata: {name: web, annotations: {note: old}}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: http}, {port: 443, protocol: TCP}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: plain, labels: {tier: back}}
data: {host: db.example, port: '5432', json: '{\"a\": {\"b\": 1}}'}
";

const OBJECTS: [&str; 12] = [
    "apiVersion: batch/v1
kind: CronJob
metadata: {name: tidy}
spec: {schedule: '* * * * *', jobTemplate: {spec: {template: {spec: {containers: [{name: web, image: nginx, args: [$(HOST), -v]}]}}}}}
",
    "apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: apps}
imagePullSecrets: [{name: token}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: robot, namespace: apps}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: robot, namespace: apps}, {kind: ServiceAccount, name: default}, {kind: User, name: eve}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: apps}
rules: [{apiGroups: [''], resources: [configmaps], resourceNames: [plain, made], verbs: [get]}]
",
    "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  tls: [{hosts: [$(HOST)], secretName: token}]
  rules: [{host: a.example, http: {paths: [{path: /, backend: {service: {name: web, port: {number: 80}}}}]}}]
",
    "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 3}
",
    "apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 50%, selector: {matchLabels: {app: web}}}
",
    "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {a: b}}}]}], egress: }
",
    "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: web
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: 'reg.example:5000/db@sha256:abc', volumeMounts: [{name: data, mountPath: /d}]}]}}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {storageClassName: fast}}]
",
    "apiVersion: example.com/v1
kind: Widget
metadata: {name: w, namespace: other}
spec: {containers: [{name: a, image: nginx:1}], list: [1, null, {a: ~}, []], float: 1.50, octal: 0777, text: 'yes', long: 'one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen'}
",
    "apiVersion: v1
kind: Namespace
metadata: {name: apps}
",
    "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec: {group: example.com, conversion: {webhook: {clientConfig: {service: {name: web, namespace: apps}}}}}
",
    "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: hook}
webhooks: [{name: a.example.com, clientConfig: {service: {name: web, namespace: default, path: /}}}]
",
    "apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {storageClassName: fast, volumeName: disk}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
parameters: {secretName: token}
",
];

const BASE_FIELDS: [&str; 8] = [
    "commonLabels: {team: a}\n",
    "commonAnnotations: {owner: 'x: y', count: '1'}\n",
    "namePrefix: base-\n",
    "labels: [{pairs: {part: one}, includeTemplates: true}]\n",
    "generatorOptions: {labels: {made: by-hand}, immutable: true}\n",
    "generatorOptions: {disableNameSuffixHash: true, annotations: {a: b}}\n",
    "secretGenerator: [{name: token, literals: [user=admin, 'key=\"quoted\"'], type: example.com/token}]\n",
    "vars: [{name: HOST, objref: {apiVersion: v1, kind: ConfigMap, name: plain}, fieldref: {fieldpath: data.host}}]\n",
];

/// Fields of overlays, of which each comes once at most.
const OVERLAY_FIELDS: [(&str, &[&str]); 17] = [
    ("namePrefix", &["pre-", "'0'"]),
    ("nameSuffix", &["-post", "'1'"]),
    ("namespace", &["apps", "default", "other"]),
    (
        "labels",
        &[
            "[{pairs: {team: b}}]",
            "[{pairs: {team: b, z: '1'}, includeSelectors: true}]",
            "[{pairs: {t: u}, includeTemplates: true, fields: [{path: spec/extra/labels, create: true, kind: Widget}]}]",
        ],
    ),
    ("commonLabels", &["{app: web, env: dev}", "{team: c}"]),
    ("commonAnnotations", &["{note: new}", "{owner: z, a: 'true'}"]),
    (
        "images",
        &[
            "[{name: nginx, newTag: '1.27'}]",
            "[{name: nginx, newName: reg.example/n, digest: 'sha256:00'}, {name: 'reg.example.*', tagSuffix: -x}]",
            "[{name: 'reg.example:5000/db', newName: db}]",
        ],
    ),
    ("replicas", &["[{name: web, count: 3}]"]),
    (
        "patches",
        &[
            "\n- {target: {kind: Deployment}, patch: '[{\"op\": \"add\", \"path\": \"/metadata/labels\", \"value\": {\"n\": \"1\"}}]'}",
            "\n- {target: {kind: Service|ConfigMap, name: .*a.*}, patch: '[{\"op\": \"add\", \"path\": \"/metadata/annotations/x~1y\", \"value\": \"z\"}]'}",
            "\n- target: {labelSelector: 'tier in (back, front),!absent'}\n  patch: |\n    {kind: Any, metadata: {name: any}, data: {host: null, more: [1]}}",
            "\n- target: {group: apps, version: v1}\n  options: {allowNameChange: true}\n  patch: |\n    kind: Deployment\n    metadata: {name: web}\n    spec: {template: {spec: {containers: [{name: web, env: [{name: X, value: '1'}]}, {name: new, image: n}]}}}",
            "\n- target: {kind: Widget|CronJob|StatefulSet}\n  patch: |\n    kind: Any\n    metadata: {name: any, labels: {gone: null}}\n    $patch: delete",
        ],
    ),
    (
        "replacements",
        &[
            "\n- source: {kind: ConfigMap, name: plain, fieldPath: data.port}\n  targets: [{select: {kind: Deployment}, fieldPaths: ['spec.template.spec.containers.[name=web].ports.0.containerPort']}]",
            "\n- source: {kind: ConfigMap, name: plain, fieldPath: data.host, options: {delimiter: ., index: 1}}\n  targets: [{select: {kind: Ingress}, fieldPaths: ['spec.rules.*.host', spec.tls.0.hosts.0], options: {delimiter: ., index: 1}}]",
            "\n- sourceValue: '7'\n  targets: [{select: {kind: ConfigMap, name: plain}, fieldPaths: [data.json.a.b, data.new], options: {create: true}}]",
            "\n- source: {kind: Service, name: web, fieldPath: spec.ports}\n  targets: [{select: {kind: ConfigMap|Deployment}, reject: [{kind: Deployment}], fieldPaths: [extra], options: {create: true}}]",
        ],
    ),
    (
        "configMapGenerator",
        &[
            "[{name: made, behavior: merge, literals: [b=3, 'c=x y']}]",
            "[{name: made, behavior: replace, files: [k=note.txt]}]",
            "[{name: other, envs: [values.env], files: [note.txt], options: {labels: {own: l}}}]",
        ],
    ),
    (
        "secretGenerator",
        &[
            "[{name: more, literals: [a=b]}]",
            "[{name: more, files: [note.txt], options: {disableNameSuffixHash: true}}]",
        ],
    ),
    ("components", &["[../part]"]),
    ("configurations", &["[config.yaml]"]),
    (
        "transformers",
        &[
            "['{apiVersion: builtin, kind: NamespaceTransformer, metadata: {name: n, namespace: set}, unsetOnly: true, setRoleBindingSubjects: allServiceAccounts}']",
            "['{apiVersion: builtin, kind: PrefixTransformer, metadata: {name: p}, prefix: t-, fieldSpecs: [{path: metadata/name, kind: ConfigMap}]}']",
            "['{apiVersion: builtin, kind: ReplicaCountTransformer, metadata: {name: r}, replica: {name: web, count: 9}, fieldSpecs: [{path: spec/replicas, kind: Deployment}]}']",
            "['{apiVersion: builtin, kind: AnnotationsTransformer, metadata: {name: a}, annotations: {k: v}, fieldSpecs: [{path: spec/template/metadata/annotations, create: true, group: apps}]}']",
        ],
    ),
    ("generators", &["['{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: inline}, literals: [x=y]}']"]),
    ("buildMetadata", &["[originAnnotations]", "[managedByLabel, transformerAnnotations]"]),
];

impl Maker {
    fn one_in(&mut self, count: usize) -> bool {
        self.random.usize(..count) == 0
    }

    fn put(&mut self, path: &str, text: impl Into<String>) {
        self.files.push((path.to_owned(), text.into()));
    }

    fn base(&mut self) {
        let mut text =
            "configMapGenerator: [{name: made, literals: [a=1, b=two]}]\nresources: [web.yaml, always.yaml".to_owned();
        for (number, object) in OBJECTS.iter().enumerate() {
            if self.one_in(3) {
                self.put(&format!("base/{number}.yaml"), *object);
                text += &format!(", {number}.yaml");
            }
        }
        text += "]\n";
        let has_options = self.random.bool();
        for field in BASE_FIELDS {
            // The options of generators are there twice, for a choice.
            let is_first = field.contains("immutable");
            if self.one_in(3) && (!field.starts_with("generatorOptions") || is_first == has_options) {
                text += field;
            }
        }
        let web = self.deployment();
        self.put("base/web.yaml", web);
        self.put("base/always.yaml", ALWAYS);
        self.put("base/kustomization.yaml", text);
        let patch = "- op: add\n  path: /metadata/annotations\n  value: {from: part}\n";
        self.put("part/patch.yaml", patch);
        let part = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -part\npatches: [{path: patch.yaml, target: {kind: Service}}]\n";
        self.put("part/kustomization.yaml", part);
    }

    /// A Deployment with some of what one may have.
    fn deployment(&mut self) -> String {
        let mut pick = |lines: &[&str]| lines.iter().copied().filter(|_| self.random.bool()).collect::<String>();
        let of_container = pick(&[
            "        env: [{name: HOST, value: $(HOST)}, {name: A, valueFrom: {configMapKeyRef: {name: made, key: a}}}]\n",
            "        envFrom: [{configMapRef: {name: plain}}, {secretRef: {name: token}}]\n",
            "        args: ['$(HOST)', '$$(HOST)', on, 1e3]\n",
            "        resources: {limits: {cpu: 0.50, memory: 1Gi}, requests: }\n",
        ]);
        let of_pod = pick(&[
            "      initContainers: [{name: init, image: 'nginx:1.25'}]\n",
            "      volumes: [{name: v, configMap: {name: made}}, {name: w, secret: {secretName: token}}]\n",
            "      serviceAccountName: robot\n",
            "      topologySpreadConstraints: [{topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]\n",
        ]);
        let of_spec = pick(&["  replicas: '2'\n", "  selector: {matchLabels: {app: web}}\n", "  strategy: {}\n"]);
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, labels: {{tier: front}}}}\nspec:\n{of_spec}  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n{of_pod}      containers:\n      - name: web\n        image: nginx:1.25\n        ports: [{{containerPort: 80}}, {{containerPort: 53, protocol: UDP}}]\n{of_container}      - {{name: side, image: 'reg.example/side:1@sha256:00'}}\n"
        )
    }

    fn overlay(&mut self, directory: &str, below: &str) {
        let mut text = format!("resources: [{below}]\n");
        for (field, values) in OVERLAY_FIELDS {
            if self.one_in(4) {
                let value = self.random.choice(values.iter()).copied().unwrap_or_default();
                text += &format!("{field}: {value}\n");
            }
        }
        self.put(&format!("{directory}/note.txt"), "a note\nof two lines\n");
        self.put(&format!("{directory}/values.env"), "# values\nA=1\n B=two words \nC\n");
        let config = "nameReference: [{kind: ConfigMap, version: v1, fieldSpecs: [{path: spec/text, kind: Widget}]}]\ncommonAnnotations: [{path: spec/notes, create: true, kind: Widget}]\n";
        self.put(&format!("{directory}/config.yaml"), config);
        self.put(&format!("{directory}/kustomization.yaml"), text);
    }
}

//! Trees in which kustomize does what one would not expect.

/// A name, the files, and whether the build fails.
type Tree = (&'static str, &'static [(&'static str, &'static str)], bool);

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: 'reg.example:5000/nginx:1.25@sha256:abc'
        ports: [{containerPort: 80}, {containerPort: 443, protocol: TCP}]
        env: [{name: A, value: '1'}, {name: B}]
      - {name: side, image: nginx}
";

const BARE: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {}}}\n";

const SETTINGS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: '1', b: x}\n";

pub(crate) const TREES: &[Tree] = &[
    (
        "a label that was added in several places is one label",
        &[
            (
                "base/kustomization.yaml",
                "resources: [web.yaml]\ncommonLabels: {team: a}\ncommonAnnotations: {note: x}\n",
            ),
            ("base/web.yaml", BARE),
            (
                "top/kustomization.yaml",
                "resources: [../base]\nlabels: [{pairs: {team: b}}]\npatches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web, annotations: {note: patched}}\n",
            ),
        ],
        false,
    ),
    (
        "a patch of a linked label in two places",
        &[
            ("base/kustomization.yaml", "resources: [web.yaml]\ncommonLabels: {team: a}\n"),
            ("base/web.yaml", BARE),
            (
                "top/kustomization.yaml",
                "resources: [../base]\npatchesStrategicMerge:\n- |\n  apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: web, labels: {team: first}}\n  spec: {selector: {matchLabels: {team: a}}}\n",
            ),
        ],
        false,
    ),
    (
        "operations of a JSON patch that the RFC does not know",
        &[
            ("top/web.yaml", WEB),
            (
                "top/kustomization.yaml",
                "resources: [web.yaml]\npatches:\n- target: {kind: Deployment}\n  patch: |\n    - {op: copy, from: /spec/none, path: /spec/copied}\n    - {op: add, path: /spec/template/spec/containers/0/ports/-1, value: {containerPort: 1234567}}\n    - {op: remove, path: anything/spec/replicas}\n    - {op: replace, path: /spec/made, value: 1.50}\n    - {op: add, path: /metadata/annotations/number, value: 1234567.5}\n    - {op: test, path: /spec/absent, value: null}\n",
            ),
        ],
        false,
    ),
    (
        "what begins like JSON must be JSON",
        &[
            ("top/web.yaml", WEB),
            (
                "top/kustomization.yaml",
                "resources: [web.yaml]\npatches:\n- target: {kind: Deployment}\n  patch: '[{op: remove, path: /spec/replicas}]'\n",
            ),
        ],
        true,
    ),
    (
        "a key that is a number is none",
        &[("top/kustomization.yaml", "configMapGenerator: [{name: c, literals: ['1=x']}]\n")],
        true,
    ),
    (
        "values of generators stay quoted",
        &[
            ("base/kustomization.yaml", "configMapGenerator: [{name: c, literals: [a=1, b=yes, 'c=k: v', d=x]}]\n"),
            (
                "top/kustomization.yaml",
                "resources: [../base]\npatches:\n- patch: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: c}\n    data: {a: 2, b: true, c: 3, d: e}\n",
            ),
        ],
        false,
    ),
    (
        "a merge of nothing into nothing",
        &[
            ("base/kustomization.yaml", "resources: [s.yaml]\n"),
            (
                "base/s.yaml",
                "apiVersion: v1\nkind: Secret\nmetadata: {name: s, labels: {v: 1.0}}\nstringData: {a: b}\n",
            ),
            (
                "top/kustomization.yaml",
                "resources: [../base]\nsecretGenerator: [{name: s, namespace: default, behavior: merge}]\n",
            ),
        ],
        false,
    ),
    (
        "fields that replacements make",
        &[
            ("top/web.yaml", WEB),
            ("top/settings.yaml", SETTINGS),
            (
                "top/kustomization.yaml",
                "resources: [web.yaml, settings.yaml]\nnameSuffix: -x\nreplacements:\n- source: {kind: ConfigMap, name: settings, fieldPath: data.a}\n  targets:\n  - select: {kind: Deployment, namespace: default}\n    options: {create: true}\n    fieldPaths: [spec.minReadySeconds, 'spec.template.spec.containers.[name=side].env.[name=N].value']\n- source: {kind: Deployment, fieldPath: 'spec.template.spec.containers.[name=web].image', options: {delimiter: ':', index: 1}}\n  targets:\n  - select: {kind: ConfigMap}\n    fieldPaths: [data.b]\n    options: {delimiter: /, index: 5}\n",
            ),
        ],
        false,
    ),
    (
        "a selector that is none",
        &[
            ("top/web.yaml", WEB),
            (
                "top/kustomization.yaml",
                "resources: [web.yaml]\npatches:\n- target: {labelSelector: 'app=web front'}\n  patch: '{kind: A, metadata: {name: a}}'\n",
            ),
        ],
        true,
    ),
    (
        "annotations of many kinds, one of them twice",
        &[
            (
                "top/a.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations: {n: 1.0, l: [x], m: {}, z: null, t: yes, twice: a, twice: b}\n---\nkind: B\nmetadata: {name: b, annotations: {}}\n---\nkind: C\nmetadata: {name: c, annotations: text}\n",
            ),
            ("top/kustomization.yaml", "resources: [a.yaml]\n"),
        ],
        false,
    ),
    (
        "lists that are merged, and elements without their keys",
        &[
            ("top/web.yaml", WEB),
            (
                "top/kustomization.yaml",
                "resources: [web.yaml]\npatchesStrategicMerge:\n- |\n  apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: web}\n  spec:\n    template:\n      spec:\n        containers:\n        - name: new\n        - name: web\n          ports: [{containerPort: 80, name: http}, {containerPort: 443, protocol: TCP, name: tls}]\n          env: [{name: B, $patch: delete}, {name: A, value: null}, {name: C, value: c}]\n        - {name: side, $patch: replace, image: other}\n        tolerations: [{key: a}]\n",
            ),
        ],
        false,
    ),
    (
        "directives at the root and in what is added",
        &[
            ("top/web.yaml", WEB),
            ("top/settings.yaml", SETTINGS),
            (
                "top/kustomization.yaml",
                "resources: [web.yaml, settings.yaml]\npatches:\n- patch: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: settings}\n    $patch: replace\n    data: {c: d}\n- target: {kind: Deploy.*}\n  patch: |\n    kind: Any\n    metadata: {name: any, labels: {app: null, more: '1'}}\n    spec: {strategy: {$patch: merge, type: Recreate, rollingUpdate: null}}\n",
            ),
        ],
        false,
    ),
    (
        "selectors that are null, and labels set one after another",
        &[
            (
                "top/a.yaml",
                "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {matchLabels: }, ingress: null}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n",
            ),
            (
                "top/kustomization.yaml",
                "resources: [a.yaml]\nlabels:\n- {pairs: {b: x, a: v}, includeSelectors: true, fields: [{path: spec/selector}]}\n",
            ),
        ],
        false,
    ),
    (
        "parts of images",
        &[
            ("top/web.yaml", WEB),
            (
                "top/kustomization.yaml",
                "resources: [web.yaml]\nimages:\n- {name: 'reg.example:5000/nginx', newName: other/web, tagSuffix: -x, digest: 'sha256:123'}\n- {name: nginx, tagSuffix: -y}\n- {name: 'other/.*', newTag: '2'}\n",
            ),
        ],
        false,
    ),
    (
        "two objects that a patch gives one name",
        &[
            (
                "top/a.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n",
            ),
            (
                "top/kustomization.yaml",
                "resources: [a.yaml]\npatches:\n- target: {name: b}\n  patch: '[{\"op\": \"replace\", \"path\": \"/metadata/name\", \"value\": \"a\"}]'\n",
            ),
        ],
        true,
    ),
    (
        "a service account in a namespace that is null",
        &[
            (
                "top/a.yaml",
                "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: a}\nroleRef: {kind: Role, name: r}\nsubjects: [{kind: ServiceAccount, name: s, namespace: }]\n",
            ),
            ("top/kustomization.yaml", "resources: [a.yaml]\n"),
        ],
        true,
    ),
    (
        "spellings of values, anchors, lists of objects, carriage returns",
        &[
            (
                "top/a.yaml",
                "apiVersion: v1\r\nkind: List\r\nitems:\r\n- apiVersion: v1\r\n  kind: ConfigMap\r\n  metadata: &m {name: a}\r\n  data: &d {int: 0777, hex: 0x1F, float: 1e3, big: 12345678901234567890, time: 2001-01-01, yes: yes, tab: \"a\\tb\"}\r\n- apiVersion: v1\r\n  kind: Secret\r\n  metadata: {<<: *m, labels: {n: 1.0, e: ''}}\r\n  data: {<<: *d, int: \"0777\", block: \"x \\ny\", smile: \"\u{1F600}\"}\r\n",
            ),
            ("top/kustomization.yaml", "resources: [a.yaml]\nnamePrefix: p-\n"),
        ],
        false,
    ),
    (
        "items of lists of a kind are read twice",
        &[
            (
                "top/a.yaml",
                "kind: ConfigMapList\nitems:\n- kind: ConfigMap\n  metadata: {name: a, annotations: {a: +1, b: 1.0, c: 0x1F, d: 1e3, e: '+1', f: 1.50}}\n  data: {a: 1e30, 'yes': 'no'}\n---\nkind: EmptyList\n",
            ),
            ("top/kustomization.yaml", "resources: [a.yaml]\n"),
        ],
        false,
    ),
    (
        "a var that is read from what an overlay replaces",
        &[
            (
                "base/kustomization.yaml",
                "configMapGenerator: [{name: c, literals: [a=b]}]\nresources: [pod.yaml]\nvars: [{name: V, objref: {apiVersion: v1, kind: ConfigMap, name: c}}]\n",
            ),
            (
                "base/pod.yaml",
                "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: p, args: [$(V), 'x-$(V)-$$(V)']}]}\n",
            ),
            (
                "top/kustomization.yaml",
                "resources: [../base]\nconfigMapGenerator: [{name: c, behavior: replace, literals: [c=d]}]\n",
            ),
        ],
        false,
    ),
    (
        "a replacement that writes over its own source",
        &[
            ("top/a.yaml", SETTINGS),
            ("top/b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: z}\ndata: {a: p.q}\n"),
            (
                "top/kustomization.yaml",
                "resources: [a.yaml, b.yaml]\nreplacements:\n- source: {kind: ConfigMap, name: settings, fieldPath: data.a}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.a], options: {delimiter: ., index: 1}}]\n",
            ),
        ],
        false,
    ),
];

CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE resource_groups (
    key TEXT PRIMARY KEY,
    subscription TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX resource_groups_of ON resource_groups (subscription, key);
CREATE TABLE registrations (
    subscription TEXT NOT NULL,
    namespace TEXT NOT NULL,
    PRIMARY KEY (subscription, namespace)
);
CREATE TABLE resources (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    subscription TEXT NOT NULL,
    resource_group TEXT NOT NULL,
    parent TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    sealed TEXT,
    revision BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    modified_at TEXT NOT NULL,
    modified_by TEXT NOT NULL
);
CREATE INDEX resources_of_group ON resources (subscription, resource_group, kind, key);
CREATE INDEX resources_of_subscription ON resources (subscription, kind, key);
CREATE INDEX resources_below ON resources (parent, kind, key);
CREATE TABLE operations (
    id TEXT PRIMARY KEY,
    subscription TEXT NOT NULL,
    resource TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    error TEXT
);
CREATE TABLE principals (
    client_id TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    cluster TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE TABLE credentials (
    fingerprint TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES principals (client_id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    not_after TEXT
);
CREATE INDEX credentials_of ON credentials (client_id);
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    client_id TEXT NOT NULL,
    method TEXT NOT NULL,
    resource TEXT NOT NULL,
    status BIGINT NOT NULL
);
CREATE INDEX audit_at ON audit (at);

CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL);
INSERT INTO counters (name, value) VALUES ('changes', 0), ('events', 0);
-- What is known of a cluster beside its resource.
CREATE TABLE clusters (
    key TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    change_number BIGINT NOT NULL,
    tag TEXT NOT NULL,
    enrolled_key TEXT,
    is_used BIGINT NOT NULL,
    may_enrol_until TEXT,
    certificate_not_after TEXT,
    last_seen TEXT,
    connectivity TEXT NOT NULL,
    heartbeat TEXT
);
CREATE INDEX clusters_changed ON clusters (change_number);
CREATE INDEX clusters_seen ON clusters (connectivity, last_seen);
CREATE INDEX clusters_expiring ON clusters (certificate_not_after);
-- The last status of a configuration.
CREATE TABLE statuses (
    key TEXT PRIMARY KEY,
    cluster TEXT NOT NULL,
    instance TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    state TEXT NOT NULL,
    observed_at TEXT NOT NULL,
    received_at TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX statuses_of ON statuses (cluster, key);
-- Where a configuration stood, each time that this changed.
CREATE TABLE history (
    id TEXT PRIMARY KEY,
    configuration TEXT NOT NULL,
    cluster TEXT NOT NULL,
    at TEXT NOT NULL,
    state TEXT NOT NULL,
    applied TEXT NOT NULL,
    message TEXT NOT NULL
);
CREATE INDEX history_of ON history (configuration, at);
CREATE INDEX history_below ON history (cluster);
-- What happened to clusters.
CREATE TABLE events (
    number BIGINT PRIMARY KEY,
    at TEXT NOT NULL,
    cluster TEXT NOT NULL,
    kind TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL
);
CREATE INDEX events_of ON events (cluster, number);
-- How many configurations and clusters stood where, over time.
CREATE TABLE samples (
    at TEXT NOT NULL,
    about TEXT NOT NULL,
    state TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (at, about, state)
);

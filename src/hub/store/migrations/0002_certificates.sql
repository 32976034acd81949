CREATE TABLE certificates (
    thumbprint TEXT PRIMARY KEY,
    thumbprint_sha1 TEXT NOT NULL,
    client_id TEXT NOT NULL REFERENCES principals (client_id) ON DELETE CASCADE,
    certificate TEXT NOT NULL,
    not_before TEXT NOT NULL,
    not_after TEXT NOT NULL,
    revoked_at TEXT
);
CREATE INDEX certificates_by_sha1 ON certificates (thumbprint_sha1);
CREATE INDEX certificates_of ON certificates (client_id);
CREATE TABLE nonces (key TEXT PRIMARY KEY, expires_at TEXT NOT NULL);
CREATE INDEX nonces_expire ON nonces (expires_at);

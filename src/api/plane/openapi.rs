//! The data plane as an OpenAPI document.
use super::{
    CERTIFICATE, Call, CertificateRequest, DISCOVERY, Heartbeat, HeartbeatAnswer, IssuedCertificate, PROVIDER,
    PendingConfigurations, StatusAnswer, StatusReport, VERSION,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

/// The OpenAPI 3.1 document of the data plane.
pub fn openapi() -> Value {
    let mut schemas = SchemaGenerator::new(SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    }));
    let mut paths = serde_json::Map::new();
    paths.insert(DISCOVERY.to_owned(), discovery());
    paths.insert(CERTIFICATE.to_owned(), certificate(&mut schemas));
    let base = format!(
        "/subscriptions/{{subscriptionId}}/resourceGroups/{{resourceGroupName}}/provider/{PROVIDER}/clusters/{{clusterName}}"
    );
    for call in Call::ALL {
        paths.insert(
            format!("{base}/{}", call.path()),
            json!({"parameters": of_cluster(), "post": operation(call, &mut schemas)}),
        );
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Arcwright data plane", "version": VERSION,
            "description": "What the agents of a cluster and their control plane say to each other. Errors have the form of Azure Resource Manager.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "The cluster's access token, granted for a client assertion that the key of its identity certificate signed (RFC 7523)."}},
        },
    })
}

fn discovery() -> Value {
    json!({"get": {
        "operationId": "discover", "summary": "Where the identity service is", "security": [],
        "parameters": [parameter("location", "query", false, "Where the cluster is")],
        "responses": {"200": {"description": "Its URL", "content": {"application/json": {"schema": {"type": "string", "format": "uri"}}}}},
    }})
}

fn certificate(schemas: &mut SchemaGenerator) -> Value {
    let request = schemas.subschema_for::<CertificateRequest>();
    let answer = schemas.subschema_for::<IssuedCertificate>();
    json!({"post": {
        "operationId": "certificate", "summary": "An identity certificate",
        "description": "Asked for with an enrolment's JWS, signed by the onboarding key, or, from day 46 of a certificate on, with the cluster's access token.",
        "parameters": [version(), parameter("id", "query", true, "ARM id of the cluster")],
        "requestBody": body(&request),
        "responses": {
            "200": described("The certificate", &answer), "401": error("InvalidEnrolment, ClusterIdentityReplaced, InvalidAuthenticationToken"),
            "403": error("ReenrolmentNotAllowed, AuthorizationFailed"), "404": error("ResourceNotFound"),
            "409": error("CertificateNotRenewableYet, InvalidOnboardingKey"),
        },
    }})
}

fn operation(call: Call, schemas: &mut SchemaGenerator) -> Value {
    let mut parameters = vec![version()];
    let mut responses = json!({"401": error("InvalidAuthenticationToken, ClusterIdentityReplaced"),
        "403": error("AuthorizationFailed"), "404": error("ResourceNotFound")});
    let (id, summary, request, answer) = match call {
        Call::Pull => {
            parameters.push(parameter(
                "waitSeconds",
                "query",
                false,
                "How long to wait for a change of what If-None-Match names; at most 300",
            ));
            parameters.push(parameter("If-None-Match", "header", false, "The ETag of what is known"));
            responses["304"] = json!({"description": "Nothing has changed"});
            ("pull", "What is wanted of the cluster", None, schema::<PendingConfigurations>(schemas))
        }
        Call::Status => (
            "postStatus",
            "Where configurations stand",
            Some(schema::<StatusReport>(schemas)),
            schema::<StatusAnswer>(schemas),
        ),
        Call::Heartbeat => (
            "postHeartbeat",
            "Metadata, and a sign of life",
            Some(schema::<Heartbeat>(schemas)),
            schema::<HeartbeatAnswer>(schemas),
        ),
    };
    responses["200"] = described(summary, &answer);
    let mut operation =
        json!({"operationId": id, "summary": summary, "parameters": parameters, "responses": responses});
    if let Some(request) = request {
        operation["requestBody"] = body(&request);
    }
    operation
}

fn schema<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Schema {
    schemas.subschema_for::<T>()
}

fn version() -> Value {
    json!({"name": "api-version", "in": "query", "required": true, "schema": {"type": "string", "enum": super::VERSIONS}})
}

fn of_cluster() -> Value {
    ["subscriptionId", "resourceGroupName", "clusterName"]
        .into_iter()
        .map(|name| parameter(name, "path", true, ""))
        .collect()
}

fn parameter(name: &str, place: &str, is_required: bool, description: &str) -> Value {
    json!({"name": name, "in": place, "required": is_required, "description": description, "schema": {"type": "string"}})
}

fn body(schema: &Schema) -> Value {
    json!({"required": true, "content": {"application/json": {"schema": schema}}})
}

fn described(description: &str, schema: &Schema) -> Value {
    json!({"description": description, "content": {"application/json": {"schema": schema}}})
}

fn error(codes: &str) -> Value {
    json!({"description": format!("Code: {codes}"), "content": {"application/json": {"schema": {"type": "object",
        "properties": {"error": {"type": "object", "properties": {"code": {"type": "string"}, "message": {"type": "string"}}}}}}}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = openapi();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 5, "{found:?}");
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("a local reference");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn the_schemas_take_what_the_types_write() {
        let document = openapi();
        let wanted = super::super::PendingConfigurations {
            configurations: vec![super::super::PendingConfiguration {
                id: "/a".into(),
                name: "a".into(),
                kind: "k".into(),
                revision: 1,
                properties: serde_json::Map::new(),
            }],
        };
        let mut schema = json!({"$ref": "#/components/schemas/PendingConfigurations"});
        schema["components"] = document["components"].clone();
        let validator = jsonschema::draft202012::new(&schema).expect("a schema");
        assert!(validator.is_valid(&json!(wanted)));
        assert!(!validator.is_valid(&json!({"configurations": [{"id": 1}]})));
    }
}

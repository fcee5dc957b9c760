#!/bin/sh
# Prints deploy/prometheus/*.yaml as PrometheusRule objects: kustomize cannot put one file into another.
set -eu
cd "$(dirname "$0")/../prometheus"
for file in *.yaml; do
    cat <<OBJECT
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: ninai-${file%.yaml}
  namespace: ninai
  labels:
    app.kubernetes.io/name: ninai
spec:
OBJECT
    sed 's/^/  /' "$file"
done

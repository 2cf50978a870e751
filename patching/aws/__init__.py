"""The only place that speaks boto3: one file a resource kind, translators pure, errors in two kinds."""

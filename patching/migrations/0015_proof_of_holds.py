from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("patching", "0014_notice_choices"),
    ]

    operations = [
        migrations.AddField(
            model_name="windowhold",
            name="restored_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="windowhold",
            name="restored_proof",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]

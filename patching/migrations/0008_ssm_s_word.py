from django.db import migrations, models
from django.db.models import F


def as_raw(apps, schema_editor):
    """Before exclusions existed nothing was hidden: SSM's word and the raw one were the same."""
    days = apps.get_model("patching", "DailyPosture").objects.using(schema_editor.connection.alias)
    days.update(ssm_compliant=F("compliant"))


class Migration(migrations.Migration):
    dependencies = [("patching", "0007_exclusions_and_comments")]

    operations = [
        migrations.AddField(
            model_name="dailyposture",
            name="ssm_compliant",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.RunPython(as_raw, migrations.RunPython.noop),
    ]

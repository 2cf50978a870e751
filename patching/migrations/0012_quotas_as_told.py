from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('patching', '0011_catalogue'),
    ]

    operations = [
        migrations.AddField(
            model_name='accountregion',
            name='quotas',
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name='accountregion',
            name='quotas_read_at',
            field=models.DateTimeField(null=True),
        ),
    ]

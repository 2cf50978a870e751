# One image for web, worker, beat and migrations; docker-compose.yml says which is which.

FROM python:3.11-slim AS packages
COPY requirements.txt .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=portal.settings \
    VAR_DIR=/var/lib/patchwarden
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin patchwarden \
    && install -d -o patchwarden -g patchwarden -m 700 /var/lib/patchwarden
COPY --from=packages /venv /venv
WORKDIR /app
COPY manage.py ./
COPY portal ./portal
COPY patching ./patching
COPY exemptions ./exemptions
COPY templates ./templates
COPY static ./static
# collecting needs settings, not secrets; the key ends with this line
RUN SECRET_KEY=for-collectstatic-only DATABASE_URL=sqlite://:memory: python manage.py collectstatic --noinput
USER patchwarden
VOLUME /var/lib/patchwarden
EXPOSE 8000
CMD ["gunicorn", "portal.wsgi:application", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", \
     "--workers", "2", "--threads", "4", "--timeout", "60", "--worker-tmp-dir", "/dev/shm"]

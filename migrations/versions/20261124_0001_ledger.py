"""The ledger, the registry, alerts and statistics."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("frame_id", sa.BigInteger(), nullable=True),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("task_type", sa.Text(), nullable=False),
        sa.Column("image_path", sa.Text(), nullable=False),
        sa.Column("algorithm_id", sa.Text(), nullable=False),
        sa.Column("algorithm_name", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("detection_count", sa.Integer(), nullable=False),
        sa.Column("inference_time_ms", sa.Double(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("frame_id"),
    )
    op.create_index(op.f("ix_alerts_created_at"), "alerts", ["created_at"], unique=False)
    op.create_index(op.f("ix_alerts_task_id"), "alerts", ["task_id"], unique=False)
    op.create_index(op.f("ix_alerts_task_type"), "alerts", ["task_type"], unique=False)
    op.create_index(
        "uq_alerts_image_path",
        "alerts",
        ["image_path"],
        unique=True,
        sqlite_where=sa.text("image_path <> ''"),
        postgresql_where=sa.text("image_path <> ''"),
    )
    op.create_table(
        "frames",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("task_type", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("captured_at", sa.Double(), nullable=False),
        sa.Column("found_at", sa.Double(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_failure_at", sa.Double(), server_default="0", nullable=False),
        sa.Column("avoid_service", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("service_pk", sa.BigInteger(), nullable=True),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_expires_at", sa.Double(), nullable=True),
        sa.Column("leased_at", sa.Double(), nullable=True),
        sa.Column("settled_at", sa.Double(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("detection_count", sa.Integer(), nullable=True),
        sa.Column("inference_ms", sa.Double(), nullable=True),
        sa.Column("image_path", sa.Text(), nullable=True),
        sa.Column("image_target", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_frames_failed",
        "frames",
        ["task_type", "settled_at"],
        unique=False,
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.create_index(
        "ix_frames_image_target",
        "frames",
        ["id"],
        unique=False,
        sqlite_where=sa.text("image_target IS NOT NULL"),
        postgresql_where=sa.text("image_target IS NOT NULL"),
    )
    op.create_index(
        "ix_frames_leased",
        "frames",
        ["service_pk", "task_type"],
        unique=False,
        sqlite_where=sa.text("state = 'leased'"),
        postgresql_where=sa.text("state = 'leased'"),
    )
    op.create_index(
        "ix_frames_pending",
        "frames",
        ["task_type", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_frames_pending_stream",
        "frames",
        ["task_type", "stream", "captured_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending' AND stream IS NOT NULL"),
        postgresql_where=sa.text("state = 'pending' AND stream IS NOT NULL"),
    )
    op.create_index(
        "uq_frames_key_in_place",
        "frames",
        ["key"],
        unique=True,
        sqlite_where=sa.text("image_path IS NULL"),
        postgresql_where=sa.text("image_path IS NULL"),
    )
    op.create_table(
        "process_leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "services",
        sa.Column("pk", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("max_concurrency", sa.Integer(), nullable=True),
        sa.Column("health_url", sa.Text(), nullable=True),
        sa.Column("heartbeat_timeout_sec", sa.Double(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=False),
        sa.Column("state_since", sa.Double(), nullable=False),
        sa.Column("register_at", sa.Double(), nullable=False),
        sa.Column("last_heartbeat", sa.Double(), nullable=False),
        sa.Column("last_evidence", sa.Double(), nullable=False),
        sa.Column("probe_failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_probe_at", sa.Double(), server_default="0", nullable=False),
        sa.Column("call_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ewma_ms", sa.Double(), nullable=True),
        sa.Column("last_success_at", sa.Double(), server_default="0", nullable=False),
        sa.Column("breaker_failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("breaker_open_until", sa.Double(), server_default="0", nullable=False),
        sa.Column("breaker_pause_sec", sa.Double(), server_default="0", nullable=False),
        sa.Column("concurrency_cap", sa.Integer(), nullable=True),
        sa.Column("cap_changed_at", sa.Double(), server_default="0", nullable=False),
        sa.Column("said_total_requests", sa.BigInteger(), nullable=True),
        sa.Column("said_avg_inference_ms", sa.Double(), nullable=True),
        sa.Column("said_last_inference_ms", sa.Double(), nullable=True),
        sa.Column("said_last_total_ms", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("endpoint"),
    )
    op.create_index(op.f("ix_services_service_id"), "services", ["service_id"], unique=False)
    op.create_table(
        "statistics",
        sa.Column("bucket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("requests", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("responses", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("successes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("processed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("dropped", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("infer_ms_sum", sa.Double(), server_default="0", nullable=False),
        sa.Column("infer_ms_max", sa.Double(), server_default="0", nullable=False),
        sa.Column("moves", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("moves_failed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("move_ms_sum", sa.Double(), server_default="0", nullable=False),
        sa.Column("move_ms_max", sa.Double(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.Double(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("bucket"),
    )
    op.create_table(
        "task_types",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.Double(), nullable=False),
        sa.Column("rung_at", sa.Double(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "service_task_types",
        sa.Column(
            "service_pk", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("task_type", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["service_pk"], ["services.pk"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("service_pk", "task_type"),
    )
    op.create_index(
        op.f("ix_service_task_types_task_type"), "service_task_types", ["task_type"], unique=False
    )


def downgrade() -> None:
    # What the downgrades of later revisions kept.
    by_others = ("statistics", "outbox", "installation", "deletions", "superseded")
    for kept in (*by_others, "registration_requests"):
        op.execute(f"DROP TABLE IF EXISTS kept_{kept}")
    op.drop_index(op.f("ix_service_task_types_task_type"), table_name="service_task_types")
    op.drop_table("service_task_types")
    op.drop_table("task_types")
    op.drop_table("statistics")
    op.drop_index(op.f("ix_services_service_id"), table_name="services")
    op.drop_table("services")
    op.drop_table("process_leases")
    op.drop_index(
        "uq_frames_key_in_place",
        table_name="frames",
        sqlite_where=sa.text("image_path IS NULL"),
        postgresql_where=sa.text("image_path IS NULL"),
    )
    op.drop_index(
        "ix_frames_pending_stream",
        table_name="frames",
        sqlite_where=sa.text("state = 'pending' AND stream IS NOT NULL"),
        postgresql_where=sa.text("state = 'pending' AND stream IS NOT NULL"),
    )
    op.drop_index(
        "ix_frames_pending",
        table_name="frames",
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.drop_index(
        "ix_frames_leased",
        table_name="frames",
        sqlite_where=sa.text("state = 'leased'"),
        postgresql_where=sa.text("state = 'leased'"),
    )
    op.drop_index(
        "ix_frames_image_target",
        table_name="frames",
        sqlite_where=sa.text("image_target IS NOT NULL"),
        postgresql_where=sa.text("image_target IS NOT NULL"),
    )
    op.drop_index(
        "ix_frames_failed",
        table_name="frames",
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.drop_table("frames")
    op.drop_index(
        "uq_alerts_image_path",
        table_name="alerts",
        sqlite_where=sa.text("image_path <> ''"),
        postgresql_where=sa.text("image_path <> ''"),
    )
    op.drop_index(op.f("ix_alerts_task_type"), table_name="alerts")
    op.drop_index(op.f("ix_alerts_task_id"), table_name="alerts")
    op.drop_index(op.f("ix_alerts_created_at"), table_name="alerts")
    op.drop_table("alerts")

"""PgBouncer's figures for Prometheus, under the names of the prometheuscommunity exporter of the containers.

pgbouncer-exporter.py PORT HOST; PGPASSFILE has the password of the user `monitor`. Debian 12's own exporter
(1.7) ends with a KeyError at any PgBouncer since 1.8, which no longer counts `total_requests`.
"""
import sys

import psycopg2
import psycopg2.extras
from prometheus_client import make_wsgi_app
from prometheus_client.core import REGISTRY, CounterMetricFamily, GaugeMetricFamily
from wsgiref.simple_server import WSGIRequestHandler, make_server

POOLS = {
    'client_active_connections': 'cl_active',
    'client_waiting_connections': 'cl_waiting',
    'client_maxwait_seconds': 'maxwait',
    'server_active_connections': 'sv_active',
    'server_idle_connections': 'sv_idle',
    'server_used_connections': 'sv_used',
    'server_login_connections': 'sv_login',
}
STATS = {
    'queries_pooled': 'total_query_count',
    'sql_transactions_pooled': 'total_xact_count',
}


class Collector:
    def __init__(self, host):
        self.host = host

    def describe(self):
        return []

    def rows(self):
        # A connection for each look: one that is kept would not outlive PgBouncer's restart.
        link = psycopg2.connect(
            host=self.host, port=6432, user='monitor', dbname='pgbouncer', connect_timeout=2,
        )
        try:
            # Its console knows no transactions.
            link.autocommit = True
            with link.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                for what in ('POOLS', 'STATS'):
                    cursor.execute(f'SHOW {what}')
                    yield cursor.fetchall()
        finally:
            link.close()

    def collect(self):
        up = GaugeMetricFamily('pgbouncer_up', '1 while PgBouncer answers')
        try:
            pools, stats = self.rows()
        except psycopg2.Error as error:
            print(error, file=sys.stderr, flush=True)
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        for name, column in POOLS.items():
            gauge = GaugeMetricFamily(f'pgbouncer_pools_{name}', column, labels=['database', 'user'])
            for row in pools:
                gauge.add_metric([row['database'], row['user']], row[column])
            yield gauge
        for name, column in STATS.items():
            counter = CounterMetricFamily(f'pgbouncer_stats_{name}', column, labels=['database'])
            for row in stats:
                counter.add_metric([row['database']], row[column])
            yield counter


class Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        pass


REGISTRY.register(Collector(sys.argv[2]))
make_server('', int(sys.argv[1]), make_wsgi_app(), handler_class=Quiet).serve_forever()

"""The lists of one feature with FastAPI and SQLAlchemy alone: the same queries, each row as it comes from the database.

By hand: python bare_api.py DATABASE PORT
"""

import sys

import sqlalchemy as sa
import uvicorn
from fastapi import Body, FastAPI
from fastapi.responses import JSONResponse

ROWS = "SELECT d.*, j.* FROM datasets AS d JOIN jobs AS j ON j.id = d.task_id"
ONE = sa.text(f"{ROWS} WHERE j.id = :task_id")
TOTAL = sa.text("SELECT max(number) FROM listed WHERE list = 4")
PAGE = sa.text(
    f"{ROWS} WHERE d.id IN (SELECT row_id FROM listed WHERE list = 4 AND number <= :last AND number > :last - 20)"
    " ORDER BY d.id DESC"
)
MATCHES = sa.text("SELECT rowid / 32 FROM search WHERE search MATCH :match ORDER BY rowid DESC LIMIT 2000")
FOUND = sa.text(f"{ROWS} WHERE d.id IN :ids ORDER BY d.id DESC").bindparams(sa.bindparam("ids", expanding=True))
NAMES = sa.text(
    "SELECT name FROM datasets WHERE live = 1 AND (SELECT state FROM jobs WHERE id = task_id) = 'succeeded'"
    " ORDER BY id DESC LIMIT 1000"
)


def create_app(database: str) -> FastAPI:
    engine = sa.create_engine(f"sqlite:///{database}")
    app = FastAPI()

    @app.post("/data_history")
    def data_history(task_id: str = Body(""), page: int = Body(1), match: str = Body("")):
        with engine.connect() as db:
            if task_id:
                row = db.execute(ONE, {"task_id": task_id}).mappings().one()
                return JSONResponse({"data": dict(row)})
            if match:
                ids = db.execute(MATCHES, {"match": match}).scalars().all()
                total = len(ids)
                rows = db.execute(FOUND, {"ids": ids[:20]}).mappings().all()
            else:
                total = db.execute(TOTAL).scalar_one()
                rows = db.execute(PAGE, {"last": total - (page - 1) * 20}).mappings().all()
        return JSONResponse({"data": [dict(row) for row in rows], "total": total})

    @app.get("/sour_datas")
    def sour_datas():
        with engine.connect() as db:
            return JSONResponse({"data": db.execute(NAMES).scalars().all()})

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[1]), port=int(sys.argv[2]), log_level="warning")

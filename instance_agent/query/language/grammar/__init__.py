"""The query language of the API's version 1: JSON in, a typed query out. This is its definition.

A body is an object; which query it is shows in the member that names its operation. An endpoint takes its own
operation, `_query` and the elements of `_batch` take any. Members with a `?` may be missing; a member that is null is
missing.

    batch      := [any, ...]                                   at most 1000
    any        := search | query | predict | match | recommend | relate | similarity | estimate | aggregate | evaluate

    search     := {"from", "where"?, "orderBy"?, "select"?, "offset"?, "limit"?}
    query      := {"from", "get"?: target, "where"?, "orderBy"?, "select"?, "offset"?, "limit"?}
                | {"from", "get": target, "similarity": proposition, "where"?, "select"?, "offset"?, "limit"?}
    predict    := {"from", "predict": targets, "where"?, "basedOn"?: set, "exclusiveness"?: true | false, "select"?,
                   "offset"?, "limit"?}
    match      := {"from", "match": target, "where"?, "basedOn"?: set, "select"?, "offset"?, "limit"?}
    recommend  := {"from", "recommend": target, "goal": goal, "where"?, "basedOn"?: set, "select"?, "offset"?, "limit"?}
    relate     := {"from", "relate": set, "where"?, "orderBy"?: relations, "select"?: names, "offset"?, "limit"?}
    similarity := {"from", "similarity": proposition, "where"?, "select"?, "offset"?, "limit"?}
    estimate   := {"from", "estimate": "field", "where"?, "model"?: "regression", "basedOn"?: set, "select"?: names}
    aggregate  := {"from", "aggregate": forms, "where"?, "select"?: names}
    evaluate   := {"evaluate": template, "test": test | "testSource": rows, "train"?: proposition, "select"?: names,
                   "group"?: "field", "goal"?: proposition}

    "from"     := "table" | {"from", "where"?, "limit"?}       the rows that take part, or are learned from
    "where"    := proposition
    "orderBy"  := key | [key, ...]                             at most 16, the first decides first
    "select"   := projection | [projection, ...]
    "offset", "limit" := whole number from 0 up

    target     := field | "field.$feature"                     the values, or their features one by one
    targets    := target | proposition | [target | proposition, ...]
    goal       := proposition | score
    relations  := an order as of "orderBy", of the numbers of a relation: "lift", "fs.f", "info.miTrue", ...
    names      := "name" | ["name", ...]                       of what the answer has
    field      := "column" | "link.column" | "link.link.column", ...            at most 16 segments

Propositions, in `propositions`:

    proposition := {}                                   always true
                 | {member, ...}                        every member holds
    member      := field: condition
                 | "$and": [proposition, ...] | "$or": [proposition, ...] | "$not": proposition
                 | "$atomic": proposition               as evidence one feature
                 | "$context": proposition              about the row of `from`, not about the hit
                 | "$on": [proposition, on] | {"prop": proposition, "on": on}    among the rows that satisfy `on`
                 | "$exists": field | [field, ...]
                 | "$knn": [k, near] | {"k": whole number from 1 up, "near": near}
                 | "$nn": [near] | [near, threshold] | {"near": near, "threshold"?: number}
                 | "$index": position | "$hash": position
    on          := proposition
    near        := proposition | [proposition]
    condition   := literal                              equality
                 | null                                 the value is absent
                 | {operator, ...}                      every operator holds
                 | {field: condition, ...}              fields of the linked row
    operator    := "$gt" | "$gte" | "$lt" | "$lte": number | string
                 | "$is" | "$has": literal | "$match": string | number | true | false | "$startsWith": string
                 | "$defined": true | false | "$numeric": number | "$mod": mod
                 | "$hash": position                    of the value's stable hash
                 | "$json": json | "$toString": json
                 | "$and": [condition, ...] | "$or": [condition, ...] | "$not": condition | "$atomic": condition
    position    := whole number
                 | {"$gt" | "$gte" | "$lt" | "$lte": number, "$is": whole number, "$mod": mod, ...}
                 | {"$and": [position, ...], "$or": [position, ...], "$not": position, ...}
    mod         := [divisor, remainder] | {"divisor": whole number but 0, "remainder": whole number}

Sets of propositions, in `sets`: a field stands for all its features (a link for those of the linked row too), a
proposition for its individual conjuncts, a list for the union.

    set         := element | [element, ...]
    element     := field | "field.$feature" | proposition

Literals, in `literals`; whole numbers have at most 64 bits:

    literal     := string | number | true | false | null | [literal, ...] | {"name": literal, ...}
                 | {"$toString": json}                  a string as it is, anything else as compact JSON text
                 | {"$json": json}                      this JSON, whatever its names look like
                 | {"$get": field}                      in a template only: the tested row's value

Scores, in `scores`; one is made of at most 64, and hits show at most 64 expressions:

    score       := number | field | "$index"
                 | "$p" | "$lift" | "$f" | "$similarity" | "$sameness" | "$value"
                 | "$score"                             in "select" only: what the hits are ordered by
                 | {"$p": set} | {"$lift": set}
                 | {"$probability" | "$probabilityLift": {"of": set, "basedOn"?: set}}
                 | {"$f": {"$context": proposition}}
                 | {"$sum" | "$mean" | "$min" | "$max": {"$context": score}}
                 | {"$impact": {"value": {"$context": score}, "base"?: number}}
                 | {"$freqP": {"f": score, "n": score, "p"?: score}}
                 | {"$decision": {"score": score, "seed"?: whole number}}
                 | {"$similarity" | "$sameness": proposition | string | number | true | false}
                 | {"$analogy": {"with": string | number | true | false, "basedOn": set}}
                 | {"$multiply": [score, ...]} | {"$sum": [score, ...]}
                 | {"$divide": [score, score] | {"dividend": score, "divisor": score}}
                 | {"$subtract": [score, score] | {"minuend": score, "subtrahend": score}}
                 | {"$pow": [score, score] | {"base": score, "exponent": score}}
                 | {"$normalize": score} | {"$hit": score}
    key         := score                                descending
                 | {"$desc": score} | {"$asc": score}
                 | {"field": field, "desc"?: true | false}

Projections, in `projections`:

    projection  := field | "field" | "feature" | "$index" | "$rank" | "$sort" | "$value" | "$proposition"
                 | "$p" | "$lift" | "$f" | "$similarity" | "$sameness" | "$score"
                 | "$why" | {"$why": {"highlight"?: highlight, "matches"?: {}}}
                 | "$highlight" | {"$highlight": highlight}
                 | "$matches" | {"$matches": {}}
                 | {operator: ...}                      a score, under the operator's name
                 | {"$expand": score}                   a score with its statistics, under that score's name
                 | {"alias": projection | number, ...}  the same under other names
    highlight   := {"posPreTag"?, "posPostTag"?, "negPreTag"?, "negPostTag"?: string,
                    "posThreshold"?, "negThreshold"?: number, "encoder"?: "html" | "default"}

Aggregates, in `aggregates`, and evaluations, in `evaluations`:

    forms       := form | [form, ...]
    form        := "field.$mean" | "field.$sum" | "field.$min" | "field.$max"   under that key
                 | "$f" | {"$f": proposition}                                   a count of rows
                 | {"$mean" | "$sum" | "$min" | "$max": score}                  of a score of the rows
                 | {"alias": form, ...}
    template    := predict | match | recommend | estimate | query with "get", and "similarity" or "orderBy"
    test        := proposition | {"$sample": {"n": whole number from 1 up, "seed"?: whole number}}
    rows        := {"from"?, "where"?, "offset"?, "limit"?, "select"?}

Nothing here knows the schema: types and names are checked where the tree meets a table. What isn't in the grammar is
refused with the place where it stands; so is a query of more than 20,000 values or 64 levels.
"""

from instance_agent.query.language.grammar.endpoints import (
    PARSERS,
    parse_aggregate,
    parse_batch,
    parse_estimate,
    parse_evaluate,
    parse_match,
    parse_predict,
    parse_proposition,
    parse_query,
    parse_recommend,
    parse_relate,
    parse_search,
    parse_similarity,
)

__all__ = [
    "PARSERS",
    "parse_aggregate",
    "parse_batch",
    "parse_estimate",
    "parse_evaluate",
    "parse_match",
    "parse_predict",
    "parse_proposition",
    "parse_query",
    "parse_recommend",
    "parse_relate",
    "parse_search",
    "parse_similarity",
]

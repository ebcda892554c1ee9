"""Hits: the members that `select` asks for, made column by column for the rows or candidates of one page."""

from instance_agent.query.hits.assembly import Shown
from instance_agent.query.hits.candidate_page import VALUE_HIT, WHOLE_ROW, candidate_hits, candidate_page, ranked_hit
from instance_agent.query.scoring.candidates import CandidateHits

__all__ = ["VALUE_HIT", "WHOLE_ROW", "CandidateHits", "Shown", "candidate_hits", "candidate_page", "ranked_hit"]

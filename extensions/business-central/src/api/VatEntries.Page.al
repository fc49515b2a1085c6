page 50124 "BH API Vat Entries"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'vatEntry';
    EntitySetName = 'vatEntries';
    SourceTable = "VAT Entry";
    ODataKeyFields = SystemId;
    Extensible = false;
    InsertAllowed = false;
    Editable = false;
    ModifyAllowed = false;
    DeleteAllowed = false;
    DataAccessIntent = ReadOnly;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { }
                field(entryNumber; Rec."Entry No.") { }
                field(postingDate; Rec."Posting Date") { }
                field(documentType; Rec."Document Type") { }
                field(documentNumber; Rec."Document No.") { }
                field(vatBusPostingGroup; Rec."VAT Bus. Posting Group") { }
                field(vatProdPostingGroup; Rec."VAT Prod. Posting Group") { }
                field(base; Rec.Base) { }
                field(amount; Rec.Amount) { }
            }
        }
    }
}
